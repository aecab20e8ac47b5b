const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/** True for a URL whose host is this machine. */
export function isLocalHost (url: string): boolean {
  return LOCAL_HOSTS.includes(new URL(url).hostname)
}
