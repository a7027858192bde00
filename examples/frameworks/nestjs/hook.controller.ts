import { All, Controller, HttpException, Req, Res, UseGuards, type RawBodyRequest } from '@nestjs/common';
import { verifySignatureNestjs } from '@posthorn/sdk/nestjs';
import type { Request, Response } from 'express';

// An error that every exception filter knows.
const createError = (status: number, message: string) => new HttpException(message, status);
const verify = verifySignatureNestjs({}, { createError });

@Controller()
export class HookController {
  @All('hook')
  @UseGuards(verify)
  receive(@Req() request: RawBodyRequest<Request>, @Res() response: Response): void {
    response.type('application/octet-stream').send(request.rawBody ?? Buffer.alloc(0));
  }

  /** Verified in main.ts as well, before any body parser. */
  @All('hook-before-parsers')
  @UseGuards(verify)
  receiveRaw(@Req() request: RawBodyRequest<Request>, @Res() response: Response): void {
    response.type('application/octet-stream').send(request.rawBody ?? Buffer.alloc(0));
  }
}
