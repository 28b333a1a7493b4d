import type { Message } from '@majlis/client';
import { CalendarClock, FileText, MapPin, Newspaper, UserRound } from 'lucide-react';
import type { ComponentType, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format.ts';
import classes from './message-content.module.css';
import { textParts } from './text-parts.ts';

type Body = Pick<Message, 'type' | 'content' | 'metadata'>;
interface BodyProps {
  content: string;
  metadata: Body['metadata'];
}

/** One way of showing for each of the eight types. */
const kinds: Readonly<Record<Message['type'], ComponentType<BodyProps>>> = {
  text: Text,
  photo: Photo,
  video: Video,
  voice: Voice,
  location: Location,
  profile_share: Profile,
  post_share: Post,
  booking_proposal: Booking,
};

export function MessageContent({ message }: { message: Body }) {
  const Kind = kinds[message.type];
  return <Kind content={message.content} metadata={message.metadata} />;
}

function Text({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  const file = httpUrl(field(metadata['file'], 'url'));
  return (
    <>
      <span className={classes.text} dir="auto">
        {textParts(content).map((part, at) =>
          part.url ? (
            <a key={at} href={part.url} target="_blank" rel="noopener noreferrer">
              {part.text}
            </a>
          ) : (
            part.text
          ),
        )}
      </span>
      {file && (
        <Card icon={<FileText size={20} aria-hidden="true" />} href={file}>
          <bdi>{textOf(field(metadata['file'], 'name')) ?? t('message.file')}</bdi>
        </Card>
      )}
    </>
  );
}

function Photo({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  const [width, height] = [numberOf(metadata['width']), numberOf(metadata['height'])];
  const url = httpUrl(content);
  if (!url) return <Text content={content} metadata={{}} />;
  return (
    <a className={classes.media} href={url} target="_blank" rel="noopener noreferrer">
      <img
        src={httpUrl(metadata['thumbnail']) ?? url}
        alt={t('message.photo')}
        loading="lazy"
        style={width && height ? { aspectRatio: `${width} / ${height}` } : undefined}
      />
    </a>
  );
}

function Video({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  return (
    // oxlint-disable-next-line jsx-a11y/media-has-caption -- what people send each other has no captions
    <video
      className={classes.media}
      src={httpUrl(content)}
      poster={httpUrl(metadata['thumbnail'])}
      controls
      preload="none"
      aria-label={t('message.video')}
    />
  );
}

function Voice({ content }: BodyProps) {
  const { t } = useTranslation();
  // oxlint-disable-next-line jsx-a11y/media-has-caption -- what people send each other has no captions
  return <audio className={classes.voice} src={httpUrl(content)} controls preload="none" aria-label={t('message.voice')} />;
}

function Location({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  const place = content.replaceAll(/\s/g, '');
  return (
    <Card
      icon={<MapPin size={20} aria-hidden="true" />}
      href={`https://www.openstreetmap.org/?mlat=${place.replace(',', '&mlon=')}#map=16/${place.replace(',', '/')}`}
    >
      <bdi>{textOf(metadata['address']) ?? t('message.location')}</bdi>
      <small>
        <bdi>{content}</bdi>
      </small>
    </Card>
  );
}

function Profile({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  return (
    <Card icon={<UserRound size={20} aria-hidden="true" />}>
      <bdi>{textOf(metadata['name']) ?? content}</bdi>
      <small>{t(metadata['is_master'] === true ? 'message.master' : 'message.profile')}</small>
    </Card>
  );
}

function Post({ metadata }: BodyProps) {
  const { t } = useTranslation();
  return (
    <Card icon={<Newspaper size={20} aria-hidden="true" />} href={httpUrl(metadata['media_url'])}>
      <bdi>{textOf(metadata['author_name']) ?? t('message.post')}</bdi>
      <small>{t('message.post')}</small>
    </Card>
  );
}

function Booking({ content, metadata }: BodyProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const [price, minutes] = [numberOf(metadata['price']), numberOf(metadata['duration'])];
  const facts = [
    price === undefined ? undefined : `${t('message.price')}: ${format.number(price)}`,
    minutes === undefined ? undefined : t('message.minutes', { count: minutes }),
  ];
  return (
    <>
      <Card icon={<CalendarClock size={20} aria-hidden="true" />}>
        <bdi>{textOf(metadata['service_name']) ?? t('message.booking')}</bdi>
        <small>{facts.filter((fact) => fact !== undefined).join(' · ') || t('message.booking')}</small>
      </Card>
      <Text content={content} metadata={{}} />
    </>
  );
}

function Card({ icon, href, children }: { icon: ReactNode; href?: string | undefined; children: ReactNode }) {
  const inside = (
    <>
      {icon}
      <span className={classes.facts}>{children}</span>
    </>
  );
  return href ? (
    <a className={classes.card} href={href} target="_blank" rel="noopener noreferrer">
      {inside}
    </a>
  ) : (
    <span className={classes.card}>{inside}</span>
  );
}

/** Only what a browser fetches; never `javascript:`, whoever the sender is. */
function httpUrl(value: unknown): string | undefined {
  return typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
