import type { Config } from './config.ts';

/** What is wrong with settings beside one another, in words; each may be fine alone. */
export function conflictsOf(
  config: Pick<Config, 'host' | 'allowPlaintext' | 'tlsCert' | 'tlsKey' | 'tlsCa'>,
): string[] {
  const { host, allowPlaintext, tlsCert, tlsKey, tlsCa } = config;
  const conflicts: string[] = [];
  if (tlsCert !== null && tlsKey === null) conflicts.push('tlsKey: the key of tlsCert is needed too.');
  if (tlsKey !== null && tlsCert === null) conflicts.push('tlsCert: the certificate of tlsKey is needed too.');
  if (tlsCa !== null && tlsCert === null) conflicts.push('tlsCa: there is no tlsCert to be trusted by it.');
  if (!isLoopback(host) && tlsCert === null && !allowPlaintext) {
    conflicts.push(
      `host: other machines reach ${host}, and tokens would cross the network in the clear. Set tlsCert and tlsKey, or ` +
        'accept it with allowPlaintext.',
    );
  }
  return conflicts;
}

/** Whether only this machine reaches an address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
