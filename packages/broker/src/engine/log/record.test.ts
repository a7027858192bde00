import { newMessageId, states, type Message } from '@posthorn/shared';
import { readRecord, recordBytes, writeRecord, type EntryRecord } from './record.ts';

test('a record comes back as it was', () => {
  const message = { url: 'https://a.example', callerIp: '::1' } as Message;
  const bytes = Buffer.alloc(3 * recordBytes, 0xaa);
  for (const [index, state] of states.entries()) {
    const entry: EntryRecord = {
      messageId: newMessageId(7, Date.now()),
      state,
      retried: index * 100,
      time: index === 0 ? 0 : 2 ** 40 + index,
    };
    writeRecord(entry, message, bytes, recordBytes);
    expect(readRecord(bytes, recordBytes)).toEqual(entry);
  }
  expect(bytes.subarray(0, recordBytes).every((byte) => byte === 0xaa)).toBe(true);
  expect(bytes.subarray(2 * recordBytes).every((byte) => byte === 0xaa)).toBe(true);
});
