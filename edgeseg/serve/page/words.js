// Numbers as people read them, of steady width where they change.

export function age(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : length(seconds);
}

export function length(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = `${whole % 60}`.padStart(2, '0');
  return hours ? `${hours} h ${`${minutes}`.padStart(2, '0')} min` : `${minutes} min ${rest} s`;
}

export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

export function count(number) {
  return number.toLocaleString('en');
}

export function bytes(number) {
  const mib = number / 2 ** 20;
  return mib < 1000 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

export function milliseconds(value) {
  return value === null || value === undefined ? '–' : `${value.toFixed(value < 100 ? 1 : 0)}`;
}

export function clock({ clock_hz: now, clock_max_hz: most, governor }) {
  if (!now) return '';
  const of = most ? ` of ${(most / 1e9).toFixed(2)}` : '';
  return `${(now / 1e9).toFixed(2)}${of} GHz${governor ? `, ${governor}` : ''}`;
}
