import type { Broker } from '@posthorn/broker';
import { contract } from '@posthorn/shared';
import { route } from './route.ts';

export const signingKeyRoutes = ({ signingKeys }: Broker) => [
  route(contract.signingKeys.get, () => signingKeys.get()),
  route(contract.signingKeys.rotate, () => signingKeys.rotate()),
];
