/** A receiver in `examples/receivers`, and how it is built and started in a scratch folder. */
export interface Language {
  name: string;
  /** Below `examples/receivers`. */
  file: string;
  /** Commands that must be there, and the package of Debian that brings them. */
  needs: { command: string; package: string }[];
  build?: [command: string, ...args: string[]];
  start: [command: string, ...args: string[]];
  version: [command: string, ...args: string[]];
}

/** `{port}` in a command stands for the port of the receiver. */
export const languages: readonly Language[] = [
  {
    name: 'Python',
    file: 'python/receiver.py',
    needs: [{ command: 'python3', package: 'python3' }],
    start: ['python3', 'receiver.py'],
    version: ['python3', '--version'],
  },
  {
    name: 'Go',
    file: 'go/receiver.go',
    needs: [{ command: 'go', package: 'golang-go' }],
    build: ['go', 'build', '-o', 'receiver', 'receiver.go'],
    start: ['./receiver'],
    version: ['go', 'version'],
  },
  {
    name: 'PHP',
    file: 'php/receiver.php',
    needs: [{ command: 'php', package: 'php-cli' }],
    start: ['php', '-S', '127.0.0.1:{port}', 'receiver.php'],
    version: ['php', '--version'],
  },
  {
    name: 'Ruby',
    file: 'ruby/receiver.rb',
    needs: [{ command: 'ruby', package: 'ruby ruby-webrick' }],
    start: ['ruby', 'receiver.rb'],
    version: ['ruby', '--version'],
  },
  {
    name: 'Java',
    file: 'java/Receiver.java',
    needs: [{ command: 'javac', package: 'default-jdk-headless' }],
    build: ['javac', 'Receiver.java'],
    start: ['java', 'Receiver'],
    version: ['javac', '-version'],
  },
  {
    name: 'C#',
    file: 'csharp/Receiver.cs',
    needs: [
      { command: 'mcs', package: 'mono-mcs' },
      { command: 'mono', package: 'mono-runtime' },
    ],
    build: ['mcs', '-nologo', '-out:receiver.exe', 'Receiver.cs'],
    start: ['mono', 'receiver.exe'],
    version: ['mono', '--version'],
  },
];
