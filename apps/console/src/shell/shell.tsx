import { ScrollArea } from '@mantine/core';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, Outlet } from 'react-router';
import { ConnectionBanner, ConnectionDot } from './connection.tsx';
import { Logo } from './logo.tsx';
import { PreferencesMenu } from './preferences-menu.tsx';
import { sections, useSectionCounts, type Section } from './sections.ts';
import classes from './shell.module.css';

/** The frame of every page: sections at the side (below on a phone), the page, and the state of the connection. */
export function Shell() {
  const { t } = useTranslation();
  const counts = useSectionCounts();
  useTitleCount(Object.values(counts).reduce((sum, count) => sum + count, 0));
  return (
    <div className={classes.shell}>
      <header className={classes.rail}>
        <span className={classes.logo} aria-hidden="true">
          <Logo />
        </span>
        <ScrollArea className={classes.sections} type="never">
          <nav aria-label={t('nav.label')} className={classes.links}>
            {sections.map((section) => (
              <SectionLink key={section.path} section={section} count={counts[section.path] ?? 0} />
            ))}
          </nav>
        </ScrollArea>
        <ConnectionDot />
        <PreferencesMenu />
      </header>
      <main className={classes.main}>
        <ConnectionBanner />
        <div className={classes.page}>
          <Outlet />
        </div>
      </main>
    </div>
  );
}

function SectionLink({ section, count }: { section: Section; count: number }) {
  const { t } = useTranslation();
  const Icon = section.icon;
  return (
    <NavLink to={`/app/${section.path}`} className={classes.link ?? ''}>
      <span className={classes.icon}>
        <Icon size={22} aria-hidden="true" />
        {count > 0 && <span className={classes.count}>{count > 99 ? '99+' : count}</span>}
      </span>
      {t(section.label)}
    </NavLink>
  );
}

/** The number of unread things in front of the tab's title. */
function useTitleCount(count: number): void {
  const { t } = useTranslation();
  const title = t('app.name');
  useEffect(() => {
    document.title = count > 0 ? `(${count}) ${title}` : title;
  }, [count, title]);
}
