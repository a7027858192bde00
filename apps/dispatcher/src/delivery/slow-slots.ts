import { originOf, siteOf } from './url-parts.ts';

/** One site may hold this many times what is free of slots and bytes: it reaches its limit before it has them all. */
const share = 4;

/** What an attempt holds in memory. */
export interface HeldBytes {
  requestBytes: number;
  responseBytes: number;
}

interface Site {
  name: string;
  slots: number;
  bytes: number;
}

/** The permit of one slow attempt. Only `setBytes` changes it. */
export interface SlowSlot extends Readonly<HeldBytes> {
  readonly origin: string;
  readonly site: Site;
}

export interface SlowSlotsOptions {
  /** Maximum number of slots in use. */
  maxSlots: number;
  /** Maximum number of bytes of requests and responses in all slots, unless only one is in use. */
  maxBytes: number;
}

/** Slots for slow attempts. They are limited in number and in bytes, and no site gets all of either. */
export interface SlowSlots {
  /** @returns `undefined` if no slot is left for the site, or no room for so many bytes */
  acquire(url: string, held: HeldBytes): SlowSlot | undefined;
  /** Changes what is counted for a slot, whether there is room for it or not. */
  setBytes(slot: SlowSlot, change: Partial<HeldBytes>): void;
  /** Frees the slot and its bytes. A second call is a fault of the caller. */
  release(slot: SlowSlot): void;
  /** Whether an attempt at this origin has a slot. */
  has(origin: string): boolean;
  inUse(): number;
  heldBytes(): number;
  isFull(): boolean;
}

export function createSlowSlots({ maxSlots, maxBytes }: SlowSlotsOptions): SlowSlots {
  const sites = new Map<string, Site>();
  /** Slots in use by origin. */
  const origins = new Map<string, number>();
  let inUse = 0;
  let bytes = 0;

  /** Whether a site gets another slot, for an attempt with so many bytes. */
  function hasRoom(site: Site, moreBytes: number): boolean {
    if (inUse >= maxSlots || site.slots >= share * (maxSlots - inUse)) return false;
    // An attempt that is larger than the limit has to be alone.
    return bytes === 0 || (bytes + moreBytes <= maxBytes && site.bytes <= share * (maxBytes - bytes));
  }

  /** Removes an origin whose count is 0. */
  function addOrigin(origin: string, step: 1 | -1): void {
    const count = (origins.get(origin) ?? 0) + step;
    if (count > 0) origins.set(origin, count);
    else origins.delete(origin);
  }

  function setBytes(slot: SlowSlot, change: Partial<HeldBytes>): void {
    const before = slot.requestBytes + slot.responseBytes;
    Object.assign(slot, change);
    const added = slot.requestBytes + slot.responseBytes - before;
    bytes += added;
    slot.site.bytes += added;
  }

  return {
    acquire(url, held) {
      const name = siteOf(url);
      const origin = originOf(url);
      const site = sites.get(name) ?? { name, slots: 0, bytes: 0 };
      if (!hasRoom(site, held.requestBytes + held.responseBytes)) return undefined;
      const slot: SlowSlot = { origin, site, requestBytes: 0, responseBytes: 0 };
      sites.set(name, site);
      site.slots++;
      inUse++;
      addOrigin(origin, 1);
      setBytes(slot, held);
      return slot;
    },
    setBytes,
    release(slot) {
      setBytes(slot, { requestBytes: 0, responseBytes: 0 });
      inUse--;
      addOrigin(slot.origin, -1);
      if (--slot.site.slots === 0) sites.delete(slot.site.name);
    },
    has: (origin) => origins.has(origin),
    inUse: () => inUse,
    heldBytes: () => bytes,
    isFull: () => inUse >= maxSlots || bytes >= maxBytes,
  };
}
