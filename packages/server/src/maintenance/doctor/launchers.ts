import { SidecarError, type Launcher } from '@orchestration-sidecar/shared';
import { Launchers } from '../../agents/launchers/index.ts';
import { loadProfiles, profileDirectories } from '../../agents/profiles/index.ts';
import type { Config } from '../../runtime/config.ts';
import { ok, warning, type DoctorFinding } from './finding.ts';

/** Whether the programs are there that agents are started with, as the profiles say and the configuration overrides. */
export async function* lookAtLaunchers(config: Config, path: string): AsyncGenerator<DoctorFinding, void, void> {
  const { profiles, problems } = loadProfiles(profileDirectories(config));
  const launchers = new Launchers({ path, program: config.agentProgram });
  const byLauncher = Map.groupBy(profiles.values(), ({ value }) => JSON.stringify(value.launcher));
  for (const defined of byLauncher.values()) {
    const [first] = defined;
    if (!first) continue;
    const { launcher } = first.value;
    const what = `launcher ${nameOf(launcher, config.agentProgram)}`;
    const types = defined.length === 1 ? first.value.agent_type : `${defined.length} agent types`;
    yield await launchers.locate(launcher, config.project ?? '/').then(
      (programs) => ok(what, `${programs.join(', ')}, for ${types}`),
      (cause: unknown) => {
        if (!(cause instanceof SidecarError)) throw cause;
        return warning(what, `not there, so ${types} cannot be started`, cause.detail);
      },
    );
  }
  for (const { file, message } of problems) {
    yield warning('profiles', `${file}: ${message}`, 'Mend it; `sidecar profiles validate` checks them.');
  }
}

function nameOf(launcher: Launcher, agentProgram: string | null): string {
  if (launcher.program !== undefined) return launcher.program;
  return launcher.kind === 'claude' ? (agentProgram ?? 'claude') : launcher.kind;
}
