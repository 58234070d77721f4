import type { BunPlugin } from 'bun'

/**
 * ssh2 tries two optional native add-ons and goes on without them. Embedded they would be unpacked at every start and then
 * fail to load, so each of them becomes the failure that ssh2 expects.
 */
export const noNativeAddons: BunPlugin = {
  name: 'no-native-addons',
  setup(build) {
    build.onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, namespace: 'no-native-addons' }))
    build.onLoad({ filter: /.*/, namespace: 'no-native-addons' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is left out of the binary`)})`,
      loader: 'js',
    }))
  },
}
