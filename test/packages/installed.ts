import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PUBLISHED } from '../../scripts/build-packages.ts';

const root = resolve(import.meta.dirname, '../..');

/** What a package.json in a tarball says. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package as it would be published. */
export interface Packed {
  readonly manifest: Manifest;
  readonly tarball: string;
}

/** Packs what has been built, with the package manager that publishes it. */
export function packAll(directory: string): Packed[] {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS)/.test(name)));
  const filters = PUBLISHED.flatMap((name) => ['--filter', `./packages/${name}`]);
  const pack = ['--yes', 'pnpm@12.21.0', '-r', ...filters, 'pack', '--pack-destination', directory];
  execFileSync('npx', [...pack, '--config.ignore-scripts=true'], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return PUBLISHED.map((name) => {
    const { name: fullName, version } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
    const tarball = join(directory, `${fullName.replace('@', '').replace('/', '-')}-${version}.tgz`);
    const text = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' });
    return { manifest: JSON.parse(text), tarball };
  });
}

/**
 * Installs tarballs into a project without a registry: each is unpacked, and what its package.json declares, and
 * nothing else, is linked beside it from what the workspace has installed.
 */
export function installPacked(project: string, packed: readonly Packed[]): void {
  for (const { manifest, tarball } of packed) {
    const place = join(project, 'node_modules', manifest.name);
    mkdirSync(place, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
    const own = join(root, 'packages', manifest.name.split('/').at(-1)?.replace('orchestration-sidecar', 'cli') ?? '');
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      if (packed.some((each) => each.manifest.name === name)) continue;
      link(join(own, 'node_modules', name), join(place, 'node_modules', name));
    }
  }
}

/** Links a package of the workspace’s root into a project, as if the project had installed it. */
export function installFromWorkspace(project: string, name: string): void {
  link(join(root, 'node_modules', name), join(project, 'node_modules', name));
}

function link(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(realpathSync(from), to);
}

/** The checked-in size of the SDK, and what it may grow by before somebody has to look. */
export function knownSize(): { readonly min_gzip_bytes: number; readonly tolerance: number } {
  return JSON.parse(readFileSync(join(root, 'packages/sdk/size.json'), 'utf8'));
}
