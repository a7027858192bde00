import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { verifySignatureExpress } from '@posthorn/sdk/express';
import { HookController } from './hook.controller.js';

@Module({ controllers: [HookController] })
class AppModule {}

// With `rawBody`, a guard finds the bytes of what the parsers of NestJS have read.
const app = await NestFactory.create<NestExpressApplication>(AppModule, { rawBody: true, logger: ['error'] });

// The other way: middleware that is added before the parsers reads the body itself, and refuses forgeries before they are
// read. Its path is the whole path of the route: with `setGlobalPrefix('api')` or versions in the URL, write
// '/api/hook-before-parsers' or '/api/v1/hook-before-parsers'. The guard of the route finds what the middleware has kept.
app.use('/hook-before-parsers', verifySignatureExpress());

// The limit of NestJS is 100 kB.
app.useBodyParser('json', { limit: '32mb' });
app.useBodyParser('urlencoded', { extended: true, limit: '32mb' });

await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
