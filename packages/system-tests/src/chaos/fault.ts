import type { Random } from '../random.ts';
import type { Account } from './ledger/account.ts';
import { setStage, type Stage, type StageOptions } from './stage.ts';

/** One thing that goes wrong, and what must hold nevertheless. */
export interface Fault {
  name: string;
  /** Rows of the table in docs/operations.md. */
  rows: string[];
  run(chaos: Chaos): Promise<void>;
}

/** What a fault needs cannot be had on this machine. */
export class Skip extends Error {
  override name = 'Skip';
}

/** One run of one fault: chance, a stage to play on, and what was found. */
export interface Chaos {
  random: Random;
  /** 1 in a run of ten minutes, 2 in one of twenty. */
  scale: number;
  stage(options?: StageOptions): Promise<Stage>;
  /** Lets time pass under load; how much is chance. */
  pause(minMs: number, maxMs: number): Promise<void>;
  /** Something that must hold. */
  claim(text: string, holds: boolean): void;
  /** Milliseconds from an instant to the first receipt after it. */
  firstAfter(account: Account, at: number): number;
  /** Something that must be done in time; what the machine itself was slow is granted. */
  within(text: string, tookMs: number, limitMs: number, stage: Stage): void;
  /** A figure to be printed. */
  figure(name: string, value: number | string | object): void;
  /** What must hold after every fault: each message is accounted for. Gives the account. */
  settle(stage: Stage, options?: SettleOptions): Promise<Account>;
}

export interface SettleOptions {
  /** The drain may take so long. */
  timeoutMs?: number;
  /** Most duplicates. */
  duplicates?: number;
  /** More requests at once than a flow-control key allows may happen, for a limit is a lease. */
  mayExceed?: boolean;
}

export interface Found {
  failures: string[];
  figures: Record<string, unknown>;
  claims: number;
}

export function createChaos(random: Random, scale: number): { chaos: Chaos; found: Found; end(): Promise<void> } {
  const found: Found = { failures: [], figures: {}, claims: 0 };
  const stages: Stage[] = [];
  const claim: Chaos['claim'] = (text, holds) => {
    found.claims++;
    if (!holds) found.failures.push(text);
  };
  const none = (what: string, ids: readonly string[]) =>
    claim(`${what}: ${ids.length}, such as ${ids.slice(0, 3).join(' ')}`, ids.length === 0);

  const chaos: Chaos = {
    random,
    scale,
    claim,
    firstAfter({ receipts }, instant) {
      const times = [...receipts.values()].flat().flatMap(({ at }) => (at >= instant ? [at - instant] : []));
      return times.reduce((least, time) => Math.min(least, time), Infinity);
    },
    within(text, tookMs, limitMs, stage) {
      const slowness = stage.slownessMs();
      found.figures['slownessMs'] = slowness;
      claim(
        `${text} took ${tookMs} ms, at most ${limitMs} and ${slowness} of a slow machine`,
        tookMs <= limitMs + slowness,
      );
    },
    figure: (name, value) => void (found.figures[name] = value),
    pause: (minMs, maxMs) =>
      new Promise((resolve) => setTimeout(resolve, random.between(minMs, maxMs) * Math.min(scale, 6))),
    async stage(options = {}) {
      const stage = await setStage({ random, ...options });
      stages.push(stage);
      Object.assign(found.figures, stage.versions);
      return stage;
    },
    async settle(stage, { timeoutMs = 60_000, duplicates: maxDuplicates, mayExceed = false } = {}) {
      const account = await stage.drain(timeoutMs);
      const view = await stage.compareWithApi();
      const { open, reruns, phantoms, corrupt, wrongEnds, early, untold, orderBreaks } = account;
      const { acked, statuses, messages, delivered, dead, duplicates, lateMs, slowestAnswerMs, slowest } = account;
      Object.assign(found.figures, {
        ...{ acked, statuses, messages, delivered, dead, lost: open.length, duplicates, reruns: reruns.length },
        ...{ lateMs, slowestAnswerMs, slowest, logDiffers: view.logDiffers.length },
      });
      none('lost or stuck', open);
      none('phantoms', phantoms);
      none('corrupt', corrupt);
      none('ended otherwise than they should', wrongEnds);
      none('early', early);
      none('without their callback', untold);
      none('out of order', orderBreaks);
      none('ended, but still there for the API', view.stillThere);
      none('dead letters of unknown messages', view.strangers);
      const left = stage.left() === 0 ? [] : await stage.describeLeft();
      claim(`left in Redis: ${stage.left()} messages: ${left.join('; ')}`, stage.left() === 0);
      claim('something was acknowledged', acked > 0);
      if (!mayExceed) claim(`beyond the limit of a flow-control key: ${account.excess}`, account.excess === 0);
      if (maxDuplicates !== undefined) {
        claim(`duplicates: ${duplicates}, at most ${maxDuplicates}`, duplicates <= maxDuplicates);
      }
      return account;
    },
  };
  return {
    chaos,
    found,
    async end() {
      for (const stage of stages) {
        const complaints = stage.complaints();
        claim(`a process complains ${complaints.length} times: ${complaints[0] ?? ''}`, complaints.length === 0);
      }
      await Promise.all(stages.map((stage) => stage.end()));
    },
  };
}
