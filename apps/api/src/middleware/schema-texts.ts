import { z } from 'zod';

/** What to give instead of a value of the wrong type, by the word of the schema library. */
const types: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

/**
 * Sentences in place of the texts of the schema library, where the contract has none of its own. It counts for the whole
 * process.
 */
export function useSchemaTexts(): void {
  z.config({ customError: (issue) => describe(issue) });
}

function describe(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = `use ${types[issue.expected] ?? issue.expected}`;
      return issue.input === undefined ? `is missing: ${wanted}` : wanted;
    }
    case 'invalid_value':
      return `use ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return `use ${String(issue.minimum)} ${unitOf(issue.origin)}or more`;
    case 'too_big':
      return `use at most ${String(issue.maximum)} ${unitOf(issue.origin)}`.trim();
    case 'unrecognized_keys':
      return `unknown: ${issue.keys.slice(0, 5).join(', ')}`;
    case 'invalid_union':
      return 'the value has none of the forms that are allowed here; see GET /openapi.json';
    default:
      return undefined;
  }
}

function unitOf(origin: string): string {
  return origin === 'string' ? 'characters ' : origin === 'array' ? 'items ' : '';
}
