import { z } from 'zod';
import { endpoint } from './endpoint.ts';

/** Deliveries are signed with `current`; receivers accept both (contract S5, S6). */
export const SigningKeys = z
  .object({
    current: z.string().meta({ description: 'Key that signs deliveries.', example: 'sig_5Yx' }),
    next: z.string().meta({ description: 'Key that becomes the current one with a rotation.', example: 'sig_7Kq' }),
  })
  .meta({ id: 'SigningKeys', description: 'The keys that a receiver accepts.' });
export type SigningKeys = z.infer<typeof SigningKeys>;

export const signingKeys = {
  get: endpoint({
    method: 'GET',
    path: '/v2/keys',
    summary: 'Read the signing keys',
    // A key lets its holder forge deliveries: more than reading.
    scope: 'write',
    reply: SigningKeys,
  }),
  rotate: endpoint({
    method: 'POST',
    path: '/v2/keys/rotate',
    summary: 'Make the next key the current one and create a new next key',
    scope: 'write',
    reply: SigningKeys,
  }),
};
