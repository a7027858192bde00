import { Time } from './time.tsx';

/** What a cron expression means, as the server reads it. */
export interface Preview {
  next: number[];
  text: string;
}

export function NextTimes({ times, empty }: { times: readonly number[]; empty: string }) {
  return (
    <>
      <ol aria-label="Next times" class="plain">
        {times.map((time) => (
          <li>
            <Time at={time} />
          </li>
        ))}
      </ol>
      {times.length === 0 && empty ? <p class="muted">{empty}</p> : null}
    </>
  );
}
