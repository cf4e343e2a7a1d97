import type { IndexedFile } from '../indexed-files.ts';
import { isCode } from '../language.ts';
import { KIND_WEIGHTS } from './weights.ts';

const EXAMPLE =
  /(?:^|\/)(?:examples?|samples?|demos?|contrib|(?!workbench\/)[a-z_]*bench(?:marks?)?|tutorials?|docs?|documentation|doc[-_][a-z]+)\//i;
const HEADER = /\.(?:h|hpp|hh|hxx|d\.ts|pyi)$/i;
const LOCALE = /(?:^|\/)(?:locales?|i18n|l10n|translations?|lang|po)\/|\.(?:po|pot)$/i;
const CHANGELOG = /(?:^|\/)(?:change(?:s|log)|news|history|release[-_]?notes)/i;
/** Code that describes or styles; a change of behaviour is elsewhere. */
const MARKUP = new Set([
  'html',
  'css',
  'scss',
  'sass',
  'less',
  'stylus',
  'make',
  'cmake',
  'autoconf',
  'automake',
  'protobuf',
  'batch',
  'meson',
  'starlark',
]);

/** How likely a file is to be changed, by what it is. */
export function kindPrior({ path, kind, text }: IndexedFile, hasHistory: boolean): number {
  const { roles, language } = kind;
  const program = isCode(language) && !MARKUP.has(language ?? '');
  const source = roles.has('source') && program;
  const documentation = roles.has('documentation') && !source;
  return (
    (source ? KIND_WEIGHTS.source : 0) +
    (roles.has('test') ? KIND_WEIGHTS.test : 0) +
    (documentation ? KIND_WEIGHTS.documentation : 0) +
    (!program && !documentation ? KIND_WEIGHTS.data : 0) +
    (EXAMPLE.test(path) ? KIND_WEIGHTS.example : 0) +
    (HEADER.test(path) ? KIND_WEIGHTS.header : 0) +
    (kind.vendored ? KIND_WEIGHTS.vendored : 0) +
    (LOCALE.test(path) ? KIND_WEIGHTS.locale : 0) +
    (CHANGELOG.test(path) ? KIND_WEIGHTS.changelog : 0) +
    (hasHistory ? KIND_WEIGHTS.length_with_history : KIND_WEIGHTS.length) * Math.log10(1 + text.length)
  );
}
