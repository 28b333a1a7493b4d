import { Avatar } from '@mantine/core';
import { initials } from './initials.ts';

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
