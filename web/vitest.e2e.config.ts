import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** Keeps the files in the order of their names: the one that stops the Redis carries the highest number. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    environment: 'node',
    fileParallelism: false,
    sequence: { sequencer: ByName },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A browser and nine workers on two cores are late now and then; what fails twice is wrong.
    retry: 1,
    expect: { poll: { timeout: 15_000, interval: 50 } },
  },
});
