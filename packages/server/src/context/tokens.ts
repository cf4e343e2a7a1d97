/** Counts tokens of `o200k_base`. Loaded when first asked for: its table takes 75 MB. */
export async function tokenCounter(): Promise<(text: string) => number> {
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  // Text that looks like a control token is text.
  return (text) => countTokens(text, { disallowedSpecial: new Set() });
}
