import type { IndexedFile } from '../indexed-files.ts';
import { isCode } from '../language.ts';
import { KIND_WEIGHTS } from './weights.ts';

const EXAMPLE =
  /(?:^|\/)(?:examples?|samples?|demos?|contrib|(?!workbench\/)[a-z_]*bench(?:marks?)?|tutorials?|docs?|documentation|doc[-_][a-z]+)\//i;
const HEADER = /\.(?:h|hpp|hh|hxx|d\.ts|pyi)$/i;
const LOCALE = /(?:^|\/)(?:locales?|i18n|l10n|translations?|lang|languages?|po)\/(.*)$|\.(?:po|pot)$/i;
/** `fr`, `pt_BR`, `zh-Hans`: a directory below one of translations, or a file’s stem. */
const LANGUAGE_TAG = /(?:^|\/)([a-z]{2})(?:[-_][a-z]{2,4})?(?=[/.])/gi;
/** What tells of changes, patches too. A program of such a name is one. */
const CHANGELOG = /(?:^|\/)(?:change(?:s|log)|news|history|release[-_]?notes)|\.(?:patch|diff)$/i;
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
  const translates = isTranslation(path, program);
  return (
    (source ? KIND_WEIGHTS.source : 0) +
    (roles.has('test') ? KIND_WEIGHTS.test : 0) +
    (documentation ? KIND_WEIGHTS.documentation : 0) +
    (!program && !documentation ? KIND_WEIGHTS.data : 0) +
    (EXAMPLE.test(path) ? KIND_WEIGHTS.example : 0) +
    (HEADER.test(path) ? KIND_WEIGHTS.header : 0) +
    (kind.vendored ? KIND_WEIGHTS.vendored : 0) +
    (translates ? KIND_WEIGHTS.locale : 0) +
    (!program && CHANGELOG.test(path) ? KIND_WEIGHTS.changelog : 0) +
    (hasHistory ? KIND_WEIGHTS.length_with_history : KIND_WEIGHTS.length) * Math.log10(1 + text.length)
  );
}

const languages = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' });

/** Texts in other languages. A program among them is one when its path names the language: `i18n/plural.ts` is code. */
function isTranslation(path: string, program: boolean): boolean {
  const found = LOCALE.exec(path);
  if (found === null || !program) return found !== null;
  return [...(found[1] ?? '').matchAll(LANGUAGE_TAG)].some(
    ([, tag = '']) => languages.of(tag.toLowerCase()) !== undefined,
  );
}
