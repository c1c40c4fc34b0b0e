import { choice, duration, flag, group, integer, list, size, text } from '../../config/schema.ts'
import { PATTERN_CHARACTERS_MAX } from './pattern.ts'

const RULES_MAX = 256

export const options = {
  sources: group(
    {
      spans: flag({ default: true, doc: 'Take the exceptions that are recorded on spans.' }),
      statusErrors: flag({ default: false, doc: 'Take spans whose status is an error and that have no exception.' }),
      logs: choice(['exceptions', 'errors', 'off'], {
        default: 'exceptions',
        doc: 'Which log records are errors: those with an exception or a stack trace, all from ERROR up, or none.'
      })
    },
    { doc: 'What is an error.' }
  ),
  dedupe: duration({
    default: '30s',
    min: '1s',
    max: '1h',
    doc: 'For how long an error is known again when it comes on another span or in a log record.'
  }),
  wait: duration({
    default: '6s',
    max: '1m',
    doc: 'How long an error in the logs waits for its span, which comes later and tells more; 0s does not wait.'
  }),
  grouping: group(
    {
      defaults: flag({ default: true, doc: 'Apply the rules that come along, after those below; docs/errors.md has the list.' }),
      rules: list(
        group(
          {
            name: text({ default: 'custom', doc: 'Name of the rule.' }),
            when: list(
              group(
                {
                  field: text({
                    default: 'text',
                    doc: 'What is looked at: type, message, stack, text, service, span.name, span.kind, origin, or an attribute; several with |.'
                  }),
                  matches: list(text({ default: '', doc: 'A text, with * for any characters.' }), {
                    doc: 'Patterns of which one must match all of the field; case does not matter.'
                  })
                },
                { doc: 'One condition.' }
              ),
              { doc: 'Conditions, which must all hold.' }
            ),
            fingerprint: list(text({ default: '', doc: 'A text, or a field as {type}.' }), {
              doc: 'What makes it one issue: texts, and fields as {type} or {one|two}, without ids and numbers.'
            })
          },
          { doc: 'One rule.' }
        ),
        { doc: 'Which errors are one issue; the first rule that fits counts.' }
      ).superRefine((rules, context) => {
        if (rules.length > RULES_MAX) context.addIssue({ code: 'custom', message: `expected ${RULES_MAX} rules at most` })
        for (const [index, { when, fingerprint }] of rules.entries()) {
          if (fingerprint.length === 0)
            context.addIssue({ code: 'custom', path: [index, 'fingerprint'], message: 'expected one part at least' })
          const isLong = when.some(({ matches }) => matches.some((pattern) => pattern.length > PATTERN_CHARACTERS_MAX))
          if (isLong)
            context.addIssue({
              code: 'custom',
              path: [index, 'when'],
              message: `expected patterns of ${PATTERN_CHARACTERS_MAX} characters at most`
            })
        }
      })
    },
    { doc: 'Which errors are one issue, whatever ids and numbers they have.' }
  ),
  limit: group(
    {
      perGroup: integer({
        default: 30,
        min: 1,
        max: 100_000,
        doc: 'Errors of one group to send in a minute; the others are counted in the next.'
      }),
      burst: integer({ default: 30, min: 1, max: 100_000, doc: 'How many of them to send at once.' }),
      overall: integer({ default: 200, min: 1, max: 100_000, doc: 'Errors of all groups to send in a second.' })
    },
    { doc: 'How many errors are sent.' }
  ),
  trail: group(
    {
      max: integer({
        default: 50,
        max: 100,
        doc: 'Log records and spans of the same trace to send with an error, the last ones before it; 0 sends none.'
      }),
      size: size({
        default: '8MiB',
        min: '64KiB',
        max: '256MiB',
        doc: 'Memory for spans and log records, kept as they came, that may lead to an error.'
      }),
      window: duration({ default: '5m', min: '1s', max: '1h', doc: 'How long they are kept, if the memory is large enough.' }),
      wait: duration({
        default: '2s',
        max: '30s',
        doc: 'How long an error on a span waits for log records of its trace where none have come yet; 0s does not wait.'
      })
    },
    { doc: 'What led to an error.' }
  )
}
