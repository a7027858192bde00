import { useEffect, useState } from 'preact/hooks';
import { listZones } from '../settings.ts';
import { Select } from './field.tsx';

/** A choice of time zone. There are some hundred: the others are added once the page is drawn, which they would delay. */
export function ZoneSelect({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const [zones, setZones] = useState([value]);
  useEffect(() => {
    const timer = setTimeout(() => setZones(listZones(value)));
    return () => clearTimeout(timer);
  }, []);
  return <Select label="Time zone" value={value} onValue={onValue} options={zones.map((zone) => [zone, zone])} />;
}
