import type { ReactNode } from 'react';
import classes from './one-line.module.css';

/** What somebody wrote, in one line that is cut at its end, whichever side of it that is. */
export function OneLine({ children, className = '' }: { children: ReactNode; className?: string | undefined }) {
  return (
    <span className={`${classes.place} ${className}`}>
      <span dir="auto" className={classes.line}>
        {children}
      </span>
    </span>
  );
}
