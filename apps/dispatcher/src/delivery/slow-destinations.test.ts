import { createSlowDestinations, type SlowDestinations } from './slow-destinations.ts';

const url = 'https://a.example/x?n=1';
const minuteMs = 60_000;
let now: number;
let destinations: SlowDestinations;
beforeEach(() => {
  now = 0;
  destinations = createSlowDestinations(() => now);
});

/** Confines a URL and waits until it is free again. */
function readConfinedMs(): number {
  destinations.confine(url);
  const from = now;
  while (destinations.isConfined(url)) now += minuteMs;
  return now - from;
}

test('a URL is confined for a minute, then twice as long each time, and never longer than an hour', () => {
  const minutes = Array.from({ length: 8 }, () => readConfinedMs() / minuteMs);
  expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
});

test('a response in time frees a URL and starts its time again', () => {
  readConfinedMs();
  destinations.confine(url);
  destinations.answeredInTime(url);
  expect(destinations.isConfined(url)).toBe(false);
  expect(readConfinedMs()).toBe(minuteMs);
});

test('a URL is confined with every query, other paths of its origin are not', () => {
  destinations.confine(url);
  expect(destinations.isConfined('https://a.example/x?n=2')).toBe(true);
  expect(destinations.isConfined('https://a.example/y')).toBe(false);
});

test('an origin has answered in time whatever the path was', () => {
  expect(destinations.hasAnsweredInTime('https://a.example')).toBe(false);
  destinations.answeredInTime(url);
  expect(destinations.hasAnsweredInTime('https://a.example')).toBe(true);
  expect(destinations.hasAnsweredInTime('https://b.example')).toBe(false);
});

test('of more than 10,000 URLs and origins the oldest are dropped', () => {
  for (let n = 0; n <= 10_000; n++) {
    destinations.confine(`https://host${n}.example/x`);
    destinations.answeredInTime(`https://host${n}.example/y`);
  }
  expect([0, 1].map((n) => destinations.isConfined(`https://host${n}.example/x`))).toEqual([false, true]);
  expect([0, 1].map((n) => destinations.hasAnsweredInTime(`https://host${n}.example`))).toEqual([false, true]);
});
