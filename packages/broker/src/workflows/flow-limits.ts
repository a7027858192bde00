import type { FlowControl } from '@posthorn/shared';
import { flowLane, type Lanes } from '../engine/lanes/lanes.ts';

/** The limits of a flow-control key are those of its newest message. The message asks for its slot when it is due. */
export async function announceLimits(
  { lanes }: { lanes: Lanes },
  { flowControl }: { flowControl?: FlowControl },
): Promise<void> {
  if (flowControl) await lanes.setLimits(flowLane(flowControl), flowControl);
}
