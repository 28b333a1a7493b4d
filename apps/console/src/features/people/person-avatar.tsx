import { Avatar } from '@mantine/core';

interface PersonProps {
  id: string;
  name: string;
  avatar: string | null;
  size?: number;
}

// Those whose letters can be read on their own light shade.
const colors = ['teal', 'indigo', 'grape', 'cyan', 'pink', 'blue', 'violet'] as const;

/** A face, or the first letters of the name on the colour that goes with the id. The name stands beside it, so it is silent. */
export function Person({ id, name, avatar, size = 40 }: PersonProps) {
  const sum = Array.from(id).reduce((total, character) => (total * 31 + (character.codePointAt(0) ?? 0)) % 997, 7);
  return (
    <Avatar src={avatar} size={size} radius="xl" color={colors[sum % colors.length]} alt="" aria-hidden="true" variant="light">
      {initials(name)}
    </Avatar>
  );
}

/** The first letter of the first two words, as a reader would count letters. Arabic names join, so there it is one. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => Array.from(word)[0] ?? '');
  return (/\p{Script=Arabic}/u.test(name) ? letters.slice(0, 1) : letters).join('').toLocaleUpperCase();
}
