import { createHash } from 'node:crypto';
import type { Command, Redis } from 'ioredis';
import { isDenied, isRefusal, refusesForMemory } from './faults.ts';
import { keyspace } from './keyspace.ts';

/** How long to wait before a command is repeated that Redis has refused. */
const repeatAfterMs = 1000;

/**
 * Makes a connection repeat commands that Redis refuses for a temporary reason: a full disk, a start, a failover, or a
 * missing right. For the worker on it, such a Redis is unavailable. Without this, BullMQ would ask for work thousands
 * of times a second, and a message whose end was refused would count as failed or be delivered again.
 *
 * A Redis without memory refuses every script whose first step may need some, also those that take messages out. Such a
 * script is repeated with a first step that needs none: then Redis lets it finish. So messages are delivered, and memory
 * gets free, while publishers, who have another connection, are refused.
 */
export function persist(redis: Redis, scripts: Record<string, { lua: string }>): void {
  const texts = new Map(Object.values(scripts).map(({ lua }) => [sha1(lua), lua]));
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, definition) => {
    texts.set(sha1(definition.lua), definition.lua);
    define(name, definition);
  };

  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (...all) => {
    // A cluster says in one more argument which node a pipeline goes to.
    const [command] = all;
    const reject = command.reject;
    command.reject = (error) => {
      const isWriteProbe = command.args.includes(keyspace.writeProbe);
      // A right that is missing now was there at the start.
      const isWithdrawn = isDenied(error) && !questions.has(command.name);
      // One command of a transaction cannot be repeated alone.
      if (!(isRefusal(error) || isWithdrawn) || isWriteProbe || command.inTransaction) {
        reject(error);
        return;
      }
      // Otherwise the command would wait without any notice.
      if (isWithdrawn && redis.listenerCount('error') > 0) redis.emit('error', error);
      command.reject = reject;
      if (!refusesForMemory(error)) {
        setTimeout(() => void redis.sendCommand(command), repeatAfterMs);
        return;
      }
      const lua = readScript(command, texts);
      if (lua === undefined) reject(error);
      else redis.call('eval', firstStep + lua, ...(command.args.slice(1) as string[])).then(command.resolve, reject);
    };
    return send(...all);
  };
}

/** Commands about Redis itself are not repeated: their errors are needed at once. */
const questions = new Set(['auth', 'hello', 'select', 'info', 'config', 'client', 'ping', 'time']);

/** Whatever is first in KEYS: the key that is removed has never existed, and lies in the same slot of a cluster. */
const firstStep = "redis.call('DEL', KEYS[1] .. ':room')\n";

/** The text of the script that a command runs; none for another command, or one that has its first step already. */
function readScript({ name, args }: Command, texts: ReadonlyMap<string, string>): string | undefined {
  const text = String(args[0]);
  if (name === 'evalsha') return texts.get(text);
  return name === 'eval' && !text.startsWith(firstStep) ? text : undefined;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
