import type { Delivery } from '@posthorn/broker';
import { createSlowAttempts, noSlowSlot, type SlowAttempts } from './slow-attempts.ts';

let now = 0;
let slow: SlowAttempts;
const failed: [url: string, code: string][] = [];
const moved: string[] = [];
afterEach(() => {
  slow.stop();
  failed.length = moved.length = 0;
});

function create(maxSlots: number, maxBytes = Infinity): void {
  now = 0;
  slow = createSlowAttempts({ maxSlots, maxBytes, returnsPerSecond: 100, now: () => now });
}

/** A message with a body of so many bytes. */
function toDelivery(url: string, sizeBytes = 0): Delivery {
  return { id: url, message: { url, body: { kind: 'stored', key: url, sizeBytes } } } as Delivery;
}

/** The request of an attempt begins. */
function make(delivery: Delivery, requestBytes = 0, heldBytes = () => 0): void {
  const { url } = delivery.message;
  slow.watch(delivery, {
    requestBytes,
    heldBytes,
    fail: (_, code) => failed.push([url, code]),
    moved: () => moved.push(url),
  });
}

/** The request of an attempt at a URL begins. */
function start(url: string, requestBytes = 0, heldBytes = () => 0): Delivery {
  const delivery = toDelivery(url, requestBytes);
  make(delivery, requestBytes, heldBytes);
  return delivery;
}

const host = (n: number) => `https://host${n}.example${n}.test/x`;

test('an attempt moves when it is slow, not before, and its slow slot is free when it is over', () => {
  create(10);
  const delivery = start(host(1));
  now = 249;
  slow.look();
  expect([slow.inUse(), moved]).toEqual([0, []]);
  now = 250;
  slow.look();
  slow.look();
  expect([slow.inUse(), moved]).toEqual([1, [host(1)]]);
  slow.answered(delivery, 0);
  expect(slow.inUse()).toBe(1);
  slow.leave(delivery);
  slow.leave(delivery);
  expect(slow.inUse()).toBe(0);
});

test('an attempt that has its response is neither moved nor ended, however long its end takes', () => {
  create(1);
  slow.answered(start(host(1)), 0);
  start(host(2));
  now = 5000;
  slow.look();
  expect([moved, failed]).toEqual([[host(2)], []]);
});

test('without a slow slot a slow attempt is ended, and its URL starts in a slow slot only', () => {
  create(2);
  const first = [start(host(1)), start(host(2))];
  now = 600;
  slow.look();
  expect(slow.trouble()).toMatch(/No room is left for slow attempts: 2 of 2 slots/);
  const third = start(`${host(3)}?a`);
  now = 1500;
  slow.look();
  expect([slow.inUse(), failed]).toEqual([2, []]);
  now = 1600;
  slow.look();
  expect(failed).toEqual([[`${host(3)}?a`, noSlowSlot]]);
  expect(slow.ended()).toBe(1);
  slow.leave(third);

  const again = toDelivery(`${host(3)}?b`);
  expect(slow.enter(again)).toBe('later');
  expect(slow.deferMs()).toBeGreaterThanOrEqual(1000);
  // The rest of its origin does not suffer.
  expect(slow.enter(toDelivery(`${host(3)}/fast`))).toBe('worker-slot');
  first.forEach((delivery) => slow.leave(delivery));
  now += 5000;
  expect(slow.trouble()).toBeUndefined();
  expect(slow.enter(again)).toBe('slow-slot');
  expect(slow.inUse()).toBe(1);
});

test('a URL may try a worker slot again after a minute, and at once when it was fast', () => {
  create(1);
  start(host(1));
  now = 600;
  slow.look();
  const delivery = toDelivery(host(2));
  const endSlowly = () => {
    start(host(2));
    now += 1000;
    slow.look();
  };
  endSlowly();
  now += 60_000 - 1;
  expect(slow.enter(delivery)).toBe('later');
  now += 1;
  expect(slow.enter(delivery)).toBe('worker-slot');
  endSlowly();
  slow.answered(start(host(2)), 0);
  expect(slow.enter(delivery)).toBe('worker-slot');
});

test('nothing is ended by a look that comes late: answers may lie in sockets unread', () => {
  create(1);
  start(host(1));
  start(host(2));
  now = 5000;
  slow.look(true);
  expect([moved, failed]).toEqual([[host(1)], []]);
});

test('one site never has all slots, whatever its ports, paths and subdomains', () => {
  create(100);
  for (let n = 0; n < 500; n++) start(`https://${n}.evil.test:${n + 1}/${n}`);
  now = 600;
  slow.look();
  expect(slow.inUse()).toBe(80);
  expect(slow.trouble()).toBeUndefined();
  for (let n = 0; n < 20; n++) start(host(n));
  now = 1200;
  slow.look();
  expect(slow.inUse()).toBe(100);
  expect(failed).toHaveLength(420);
  now = 6000;
  expect(slow.trouble()).toMatch(/100 of 100/);
});

test('large requests and responses take the room of many, and a response that grows too large ends', () => {
  create(100, 1000);
  start(host(1), 600);
  start(host(2), 600);
  start(host(3), 0);
  now = 600;
  slow.look();
  expect([slow.inUse(), failed]).toEqual([2, []]);

  create(100, 1000);
  let size = 0;
  start(host(1), 600);
  start(host(2), 0, () => size);
  start(host(3), 0, () => 100);
  now = 600;
  slow.look();
  expect(slow.inUse()).toBe(3);
  size = 301;
  slow.look();
  expect(failed).toEqual([[host(2), 'SLOW_AND_LARGE']]);
});

test('a very large body takes its bytes before it is read, also when nothing is slow', () => {
  const mib = 1024 * 1024;
  create(100, 100 * mib);
  const toRun = (path: string, end: number) =>
    ({
      id: path,
      message: { url: host(1) + path, body: { kind: 'empty' }, workflow: { kind: 'step', end } },
    }) as Delivery;
  const first = toRun('a', 60 * mib);
  expect(slow.enter(first)).toBe('slow-slot');
  expect(slow.enter(toRun('b', 60 * mib))).toBe('later');
  slow.leave(first);
  expect(slow.enter(toRun('b', 200 * mib))).toBe('slow-slot');
  expect(slow.enter(toRun('c', 20 * mib))).toBe('later');
});

test('a body of 10 MiB starts in a worker slot', () => {
  create(100, 1000);
  expect(slow.enter(toDelivery(host(1), 10 * 1024 * 1024))).toBe('worker-slot');
});

describe('bytes', () => {
  /** An origin that is known to be slow, so that its other messages start in slow slots only. */
  function startSlow(url: string): void {
    start(url);
    now += 300;
    slow.look();
  }

  test('a message takes those of its body together with its slot, before the body is read', () => {
    create(1000, 1000);
    startSlow(host(1));
    const entered = Array.from({ length: 20 }, (_, n) => slow.enter(toDelivery(`${host(1)}/${n}`, 100)));
    // One site gets four fifths, and one more.
    expect(entered.filter((where) => where === 'slow-slot')).toHaveLength(9);
    expect(entered.at(-1)).toBe('later');
    startSlow(host(2));
    expect(slow.enter(toDelivery(`${host(2)}/a`, 200))).toBe('later');
    expect(slow.enter(toDelivery(`${host(2)}/b`, 100))).toBe('slow-slot');
    expect(slow.enter(toDelivery(`${host(2)}/c`, 1))).toBe('later');
  });

  test('what a message does not say counts as much until its body is there', () => {
    create(1000, 20 * 1024 * 1024);
    startSlow(host(1));
    const toUnsized = (path: string) => {
      const url = host(1) + path;
      return { id: url, message: { url, body: { kind: 'stored', key: url } } } as Delivery;
    };
    for (const path of ['a', 'b', 'c']) {
      const delivery = toUnsized(path);
      expect(slow.enter(delivery)).toBe('slow-slot');
      make(delivery, 1000);
    }
    expect(slow.enter(toUnsized('d'))).toBe('slow-slot');
    expect(slow.enter(toUnsized('e'))).toBe('later');
  });

  test('requests that are larger than told are put back, the largest first, and responses stay', () => {
    create(1000, 1000);
    startSlow(host(1));
    start(host(9), 0, () => 100);
    const deliveries = ['a', 'b', 'c'].map((path) => toDelivery(host(1) + path, 10));
    expect(deliveries.map((delivery) => slow.enter(delivery))).toEqual(['slow-slot', 'slow-slot', 'slow-slot']);
    deliveries.forEach((delivery, index) => make(delivery, [400, 900, 300][index]));
    now += 300;
    slow.look();
    expect(failed).toEqual([[`${host(1)}b`, noSlowSlot]]);
    slow.look();
    expect(failed).toHaveLength(1);
  });

  test('those of a response count until its attempt is over, and can be freed by no one else', () => {
    create(1000, 1000);
    startSlow(host(1));
    const answered = toDelivery(`${host(1)}/a`);
    slow.enter(answered);
    make(answered, 0, () => 900);
    slow.look();
    now += 2000;
    slow.answered(answered, 900);
    slow.look();
    expect(slow.enter(toDelivery(`${host(1)}/b`, 200))).toBe('later');
    expect(failed).toEqual([]);
    slow.leave(answered);
    expect(slow.enter(toDelivery(`${host(1)}/b`, 200))).toBe('slow-slot');
  });

  test('a message that is larger than all room goes alone', () => {
    create(1000, 1000);
    startSlow(host(1));
    const large = toDelivery(`${host(1)}/large`, 5000);
    expect(slow.enter(large)).toBe('slow-slot');
    make(large, 5000);
    expect(slow.enter(toDelivery(`${host(1)}/small`, 1))).toBe('later');
    slow.look();
    expect(failed).toEqual([]);
    slow.leave(large);
    expect(slow.enter(toDelivery(`${host(1)}/small`, 1))).toBe('slow-slot');
    expect(slow.enter(toDelivery(`${host(1)}/again`, 5000))).toBe('later');
  });
});

test('an origin that has only been slow so far needs no worker slot; one that has answered in time gets one', () => {
  create(2);
  const delivery = (path: string) => toDelivery(host(1) + path);
  expect(slow.enter(delivery('a'))).toBe('worker-slot');
  start(host(1));
  now = 300;
  slow.look();
  const second = delivery('b');
  expect(slow.enter(second)).toBe('slow-slot');
  expect(slow.inUse()).toBe(2);
  expect(slow.enter(delivery('c'))).toBe('later');
  expect(slow.enter(toDelivery(host(2)))).toBe('worker-slot');

  make(second);
  now = 1200;
  slow.answered(second, 0);
  expect(slow.enter(delivery('d'))).toBe('worker-slot');
});
