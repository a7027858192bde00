/** Fields of the log of a message that `cancel-messages.lua` writes, too; it gets their names. */
export const logFields = {
  /** What the message was. */
  created: 'created',
  cancelRequested: 'cancel-requested',
  canceled: 'canceled',
} as const;
