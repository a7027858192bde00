import { All, Controller, Req, Res, UseGuards, type RawBodyRequest } from '@nestjs/common';
import { verifySignatureNestjs } from '@posthorn/sdk/nestjs';
import type { Request, Response } from 'express';

@Controller()
export class HookController {
  @All('hook')
  @UseGuards(verifySignatureNestjs())
  receive(@Req() request: RawBodyRequest<Request>, @Res() response: Response): void {
    response.type('application/octet-stream').send(request.rawBody ?? Buffer.alloc(0));
  }

  /** Verified in main.ts, before any body parser. */
  @All('hook-before-parsers')
  receiveRaw(@Req() request: RawBodyRequest<Request>, @Res() response: Response): void {
    response.type('application/octet-stream').send(request.rawBody ?? Buffer.alloc(0));
  }
}
