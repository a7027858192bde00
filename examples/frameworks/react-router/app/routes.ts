import { route } from '@react-router/dev/routes';

export default [route('hook', 'routes/hook.ts')];
