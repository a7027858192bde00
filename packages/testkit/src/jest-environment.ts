import { TestEnvironment } from 'jest-environment-node';
import { findFault } from './reply-faults.ts';

/** As that of jest, with the schemas of all replies: it is loaded once for all files of a worker. */
export default class extends TestEnvironment {
  override async setup(): Promise<void> {
    await super.setup();
    this.global.findReplyFault = findFault;
  }
}
