export { Broker } from './broker.ts';
export { openOperatorToken } from './operator-token.ts';
export { SigningKeys } from './signing-keys.ts';
export { KEY_OVERLAP_MS, Tokens } from './tokens.ts';
export { TokenStore, type TokenSelection } from './token-store.ts';
