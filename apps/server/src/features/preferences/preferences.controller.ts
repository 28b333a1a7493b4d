import { Controller } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { PreferencesService } from './preferences.service.ts';
import { toV2Preferences } from './v2-shapes.ts';

const { preferenceRoutes } = v2;

/** Preferences by REST `/api/v2`. */
@Controller()
export class PreferencesController {
  constructor(private readonly preferences: PreferencesService) {}

  @Endpoint(preferenceRoutes.get)
  async get(@Caller() { userId }: UserCaller) {
    return toV2Preferences(await this.preferences.get(userId));
  }

  @Endpoint(preferenceRoutes.put)
  async put(@Caller() { userId }: UserCaller, @Input() { body }: InputOf<typeof preferenceRoutes.put>) {
    const { types, quiet_hours: quiet } = body;
    const quietHours = quiet && { from: quiet.from, to: quiet.to, timeZone: quiet.time_zone };
    return toV2Preferences(
      await this.preferences.change(userId, { ...(types && { types }), ...(quietHours !== undefined && { quietHours }) }),
    );
  }
}
