/** Fields of the log of a message that `cancel-messages.lua` also writes. It gets their names as arguments. */
export const logFields = {
  /** The message as it was accepted. */
  created: 'created',
  cancelRequested: 'cancel-requested',
  canceled: 'canceled',
} as const;
