import { Controller, Req } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import type { FastifyRequest } from 'fastify';
import type { UserRecord } from '../features/users/user-record.ts';
import { toV2User } from '../features/users/v2-shapes.ts';
import { Caller, type UserCaller } from '../http/caller.ts';
import { ClientAddresses } from '../http/client-address.ts';
import { Endpoint, Input } from '../http/endpoint.ts';
import { SignInService, type SignedIn } from './sign-in.service.ts';

const routes = v2.authRoutes;

const toMe = (user: UserRecord): v2.Me => ({ ...toV2User(user), email: user.email });

const toSession = ({ user, accessToken, refreshToken, expiresInS }: SignedIn): v2.Session => ({
  access_token: accessToken,
  refresh_token: refreshToken,
  expires_in: expiresInS,
  user: toMe(user),
});

@Controller()
export class SignInController {
  readonly #signIn: SignInService;
  readonly #addresses: ClientAddresses;

  constructor(signIn: SignInService, addresses: ClientAddresses) {
    this.#signIn = signIn;
    this.#addresses = addresses;
  }

  @Endpoint(routes.login)
  async login(@Input() { body }: InputOf<typeof routes.login>, @Req() { raw }: FastifyRequest): Promise<AnswerOf<typeof routes.login>> {
    return toSession(await this.#signIn.login(body, this.#addresses.of(raw)));
  }

  @Endpoint(routes.refresh)
  async refresh(
    @Input() { body }: InputOf<typeof routes.refresh>,
    @Req() { raw }: FastifyRequest,
  ): Promise<AnswerOf<typeof routes.refresh>> {
    return toSession(await this.#signIn.refresh(body.refresh_token, this.#addresses.of(raw)));
  }

  @Endpoint(routes.logout)
  async logout(@Input() { body }: InputOf<typeof routes.logout>): Promise<void> {
    await this.#signIn.logout(body.refresh_token);
  }

  @Endpoint(routes.me)
  me(@Caller() { user }: UserCaller): AnswerOf<typeof routes.me> {
    return toMe(user);
  }
}
