interface Policy {
  createScriptURL(url: string): unknown;
}
interface Factory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy;
}

const own = (url: string): string => {
  if (new URL(url, location.href).origin !== location.origin) throw new TypeError('not a script of ours');
  return url;
};
let policy: Policy | null = null;

/** The server's policy lets a script be named only by what says that it may: this names those of our own workers. */
export function trusted(url: string): string {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  if (!factory) return own(url);
  policy ??= factory.createPolicy('vigie-workers', { createScriptURL: own });
  return policy.createScriptURL(url) as string;
}
