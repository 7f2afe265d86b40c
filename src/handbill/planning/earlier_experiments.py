"""What earlier experiments of the same sort brought, so that a new one is not planned from hope alone."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from handbill.definitions.campaign import Campaign
from handbill.planning.learning import deciding_pairs
from handbill.planning.phrases import CHANNEL_WORDS, effect_in_words
from handbill.planning.selection import Occasion
from handbill.statistics.heterogeneity import Effect
from handbill.statistics.priors import FEWEST, prior_of
from handbill.store.tables import experiment, experiment_result


def earlier_effects(
    connection: Connection, metric: str, channels: str, against: str, *, besides: int | None = None
) -> list[Effect]:
    """What arms with these channels brought over arms with those, in all experiments but one: the basis of a prior.

    `channels` and `against` are words joined by +, in order, such as "direct_mail+email"; empty for nothing.
    """
    row = experiment_result.c
    statement = select(row.difference, row.standard_error).where(
        row.metric == metric, row.channels == channels, row.against == against
    )
    if besides is not None:
        statement = statement.where(row.experiment_id != besides)
    return [Effect(difference, error) for difference, error in connection.execute(statement)]


def about_earlier_experiments(connection: Connection, occasion: Occasion) -> Iterator[str]:
    """What the deciding comparisons brought before, where there are enough experiments to say so."""
    campaign = occasion.campaign
    if campaign.experiment is None:
        return
    primary = campaign.experiment.primary
    own = connection.scalar(select(experiment.c.id).where(experiment.c.campaign == campaign.name))
    kinds = dict.fromkeys((_channels(campaign, arm), _channels(campaign, control))
                          for arm, control in deciding_pairs(campaign.experiment))  # fmt: skip
    for channels, against in kinds:
        earlier = earlier_effects(connection, primary.metric, channels, against, besides=own)
        if len(earlier) < FEWEST or min(each.standard_error for each in earlier) <= 0:
            continue
        usual, spread = prior_of(earlier)
        said = effect_in_words(primary.metric, usual, occasion.project.currency)
        sentence = (
            f"{len(earlier)} earlier experiments with {_in_words(channels)} against {_in_words(against)} brought "
            f"{said} of {primary.metric} on average."
        )
        wanted = primary.minimum_effect.difference if primary.minimum_effect else None
        if wanted is not None and wanted > usual + 2 * spread:
            sought = effect_in_words(primary.metric, wanted, occasion.project.currency)
            sentence += f" The {sought} that are worth finding are more than such experiments bring: plan for less."
        yield sentence


def _channels(campaign: Campaign, arm: str) -> str:
    return "+".join(sorted(channel for channel in campaign.channels if getattr(campaign.arms[arm], channel)))


def _in_words(channels: str) -> str:
    """`e-mail and post`, or `nothing`."""
    words = [words for channel, words in CHANNEL_WORDS.items() if channel in channels.split("+")]
    return " and ".join(words) or "nothing"
