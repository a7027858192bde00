import {
  controlCharactersText,
  decodeHeaderText,
  hasControlCharacters,
  hasControlCharactersOfAscii,
} from './header-text.ts';
import { prefix } from './names.ts';
import { colonText } from './option-schemas.ts';
import { publishHeaders, type CallbackOptions, type NamedRow, type PublishOptions } from './publish-options.ts';

/** One thing that is wrong with a request: the header or field, and a sentence that says what is allowed. */
export interface Fault {
  field: string;
  message: string;
}

/** Every faulty option of one request, named at once. */
export class PublishOptionsError extends Error {
  override name = 'PublishOptionsError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    // Clients compare the beginning of these texts (contract E8, E9).
    const isWhole = ({ field, message }: Fault) =>
      message.startsWith(field) || message === colonText || /^invalid (failure )?callback url: /.test(message);
    super(faults.map((fault) => (isWhole(fault) ? fault.message : `${fault.field}: ${fault.message}`)).join('; '));
    this.faults = faults;
  }
}

const rowsByName = new Map(publishHeaders.map((row) => [row.name.toLowerCase(), row]));

/**
 * Reads the options of one publish. Several headers of one name are one list where the option is a list; of any other
 * option the first counts. An empty value is the same as none; names that are no option are left alone (contract T5, T8).
 * Control characters are refused (contract T24).
 *
 * @param headers names and values in turn, the values as byte strings, as node:http gives them
 * @throws {PublishOptionsError}
 */
export function parsePublishOptions(headers: readonly string[]): PublishOptions {
  const texts = new Map<NamedRow, string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // Most headers of a request are not ours; the first letter tells most of them apart without a copy.
    if (!name.startsWith('U') && !name.startsWith('u')) continue;
    const row = rowsByName.get(name.toLowerCase());
    if (!row) continue;
    // Decoded first: a byte of a letter may look like a blank.
    const text = decodeHeaderText(headers[index + 1] ?? '').trim();
    if (text === '') continue;
    const earlier = texts.get(row);
    if (earlier === undefined) texts.set(row, text);
    else if (row.isList) texts.set(row, `${earlier},${text}`);
  }

  const options: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const [row, text] of texts) {
    // A batch, a query and the defaults of a group can say what no header can.
    if (row.option === 'url' ? hasControlCharactersOfAscii(text) : hasControlCharacters(text)) {
      faults.push({ field: row.name, message: controlCharactersText });
      continue;
    }
    const group = row.kind === undefined ? options : ((options[row.kind] ??= {}) as Record<string, unknown>);
    const result = row.schema.safeParse(text);
    if (result.success) group[row.option] = result.data;
    else faults.push(...result.error.issues.map(({ message }) => ({ field: row.name, message })));
  }
  const read = options as PublishOptions;
  if (faults.length === 0) faults.push(...findLonely(read));
  if (faults.length > 0) throw new PublishOptionsError(faults);
  return read;
}

/** A flow-control key without a value, or the other way round (contract H16). */
function findLonely(options: PublishOptions): Fault[] {
  const faults: Fault[] = [];
  const check = (values: CallbackOptions | undefined, name: string) => {
    if (!values || (values.flowControlKey === undefined) === (values.flowControlValue === undefined)) return;
    const given = values.flowControlKey === undefined ? 'Value' : 'Key';
    const missing = given === 'Key' ? 'Value' : 'Key';
    const field = `${name}Flow-Control-${given}`;
    faults.push({ field, message: `is not allowed without ${name}Flow-Control-${missing}` });
  };
  check(options, prefix);
  check(options.callback, `${prefix}Callback-`);
  check(options.failureCallback, `${prefix}Failure-Callback-`);
  return faults;
}
