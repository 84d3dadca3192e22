// The command line of both servers.

/**
 * @param {string[]} args
 * @returns {{ port: number, deflate?: string, cert?: string, key?: string }}
 */
export function options([port, ...flags]) {
  const found = { port: Number(port) };
  const names = { "--deflate": "deflate", "--tls-cert": "cert", "--tls-key": "key" };
  for (let at = 0; at < flags.length; at += 2) {
    const name = names[flags[at]];
    if (!name || flags[at + 1] === undefined) {
      throw new Error(`unknown or incomplete: ${flags[at]}`);
    }
    found[name] = flags[at + 1];
  }
  return found;
}
