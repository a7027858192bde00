import { docker, services, type Stack } from './stack.ts';

const confined = {
  'does not run as root': /^Uid:\s+[1-9]/m,
  'has no capabilities': /^CapEff:\s+0+$/m,
  'can gain no privileges': /^NoNewPrivs:\s+1$/m,
  'cannot write to its root file system': /^\S+ \/ \S+ ro\b/m,
};

/** What the kernel says about the first process of each container, not what was asked for. */
export async function areConfined({ containers }: Stack): Promise<void> {
  for (const service of services) {
    const [id = ''] = await containers(service);
    const facts = await docker('exec', id, 'cat', '/proc/1/status', '/proc/mounts');
    for (const [claim, pattern] of Object.entries(confined)) {
      if (!pattern.test(facts)) throw new Error(`it is wrong that ${service} ${claim}`);
    }
  }
}

export async function publishOnlyApi({ containers }: Stack): Promise<void> {
  for (const service of services) {
    const [id = ''] = await containers(service);
    const ports = await docker('inspect', '--format', '{{json .NetworkSettings.Ports}}', id);
    if (ports.includes('HostPort') !== (service === 'api')) throw new Error(`${service} has the ports ${ports}`);
  }
}

export async function storeSafely({ containers }: Stack): Promise<void> {
  const [id = ''] = await containers('redis');
  const wanted = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' };
  for (const [name, value] of Object.entries(wanted)) {
    const answer = (await docker('exec', id, 'redis-cli', 'config', 'get', name)).trim();
    if (answer !== `${name}\n${value}`) throw new Error(`${answer.replace('\n', ' is ')}, not ${value}`);
  }
}
