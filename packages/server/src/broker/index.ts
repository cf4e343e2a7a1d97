export { Broker } from './broker.ts';
export { openOperatorToken } from './operator-token.ts';
export { SigningKeys } from './signing-keys.ts';
export { Tokens } from './tokens.ts';
export { TokenStore } from './token-store.ts';
