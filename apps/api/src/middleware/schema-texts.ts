import { z } from 'zod';

/** What to use instead of a value of the wrong type, by the name that zod gives the type. */
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
 * Makes zod use the sentences below where a schema of the contract has no text of its own. The setting applies to the
 * whole process.
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
