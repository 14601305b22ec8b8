/**
 * Tests talk to this machine alone: a proxy that the environment of the machine names is not for them, nor for the children
 * that inherit it.
 */
for (const name of ['https_proxy', 'http_proxy', 'no_proxy', 'all_proxy']) {
  delete process.env[name]
  delete process.env[name.toUpperCase()]
}
