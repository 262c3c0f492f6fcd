"""Say how many people a question needs, before anybody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

if TYPE_CHECKING:
    from analysis.stats.planning import Design, Spread

PEOPLE = (17, 40, 100, 200, 400)
ITEMS = (8, 24, 48)
ANSWERS = (4, 10, 20, 50)
RELIABLE = (0.8, 0.9)
EVERY = 20  # studies between two signs of progress


class Command(BaseCommand):
    help = "Power and sample size for differences between countries, own-culture effects and disagreement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--effect", type=float, default=5.0, help="difference to find, in points (5)")
        parser.add_argument("--people", type=int, default=50, help="respondents per country (50)")
        parser.add_argument("--items", type=int, default=24, help="items per respondent and side (24)")
        parser.add_argument("--pool", type=int, default=0, help="items in all; 0: so many that nobody shares one")
        parser.add_argument("--own-items", action="store_true", help="both sides judge items of their own (no core)")
        parser.add_argument("--within", action="store_true", help="the same people on both sides: own-culture effects")
        parser.add_argument("--intercept", type=float, default=0.9, help="mean answer, logit (0.9)")
        parser.add_argument("--respondent-sd", type=float, default=0.8, help="SD between people, logit (0.8)")
        parser.add_argument("--item-sd", type=float, default=1.0, help="SD between items, logit (1.0)")
        parser.add_argument("--alpha", type=float, default=0.19, help="Krippendorff's alpha expected (0.19)")
        parser.add_argument("--simulate", type=int, default=0, metavar="N", help="studies to simulate: the arbiter")
        parser.add_argument("--seed", type=int, default=1, help="seed of the simulation (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        from analysis.stats.planning import Design, Spread  # NumPy is needed here only

        if min(options["people"], options["items"]) < 2 or options["effect"] <= 0 or not 0 < options["alpha"] < 1:
            raise CommandError("needs two people, two items, a positive effect and an alpha between 0 and 1")
        if options["pool"] and options["pool"] < options["items"]:
            raise CommandError("nobody can judge more items than there are (--items, --pool)")
        if min(options["respondent_sd"], options["item_sd"]) < 0:
            raise CommandError("a standard deviation cannot be negative")
        spread = Spread(options["intercept"], options["respondent_sd"], options["item_sd"])
        # Scenarios of one's own country and of others are other items, as on the planning page.
        is_shared = not (options["own_items"] or options["within"])
        design = Design(options["people"], options["items"], options["pool"], is_shared, options["within"])
        self.tell_tables(spread, options["alpha"])
        self.tell_design(spread, design, options["effect"] / 100)
        if options["simulate"]:
            self.simulate(spread, design, options["effect"] / 100, n_runs=options["simulate"], seed=options["seed"])

    def tell_tables(self, spread: Spread, alpha: float) -> None:
        """Write what differences are found by people and items, and how many answers an item needs."""
        from analysis.stats.planning import answers_for_rates, components, disagreement_reliability, table_of_detectable

        self.stdout.write("Smallest difference between two countries found with 80% power, in points: alone / of ten")
        self.stdout.write("items per person  " + "".join(f"{n:>12}" for n in PEOPLE) + "  people per country")
        table = table_of_detectable(spread, n_items=ITEMS, n_each=PEOPLE)
        for m, rows in table.groupby("n_items_each"):
            cells = zip(rows["points"], rows["points_of_10"], strict=True)
            self.stdout.write(f"{m:>16}  " + "".join(f"{f'{alone:.1f}/{among:.1f}':>12}" for alone, among in cells))
        wanted = ", ".join(f"{answers_for_rates(alpha, r):.0f} for {r:.2f}" for r in RELIABLE)
        self.stdout.write(
            f"Answers per item and country for item rates of a reliability, at alpha {alpha:.2f}: {wanted}"
        )
        mean = components(spread).mean
        told = ", ".join(f"{disagreement_reliability(mean, spread.item, n):.2f} from {n}" for n in ANSWERS)
        self.stdout.write(f"Reliability of an item's disagreement by answers: {told}")

    def tell_design(self, spread: Spread, design: Design, effect: float) -> None:
        """Write what this design finds, and how many people the effect needs."""
        from analysis.stats.planning import components, detectable, n_needed, normal_power

        parts = components(spread)
        self.stdout.write(
            f"Asked for: {100 * effect:.1f} points, {design.n_each} people, {design.n_items_each} items each"
            f"{f' of {design.n_items}' if design.n_items else ''}. "
            f"Power {normal_power(parts, design, effect):.2f}; "
            f"found with 80% power: {100 * detectable(parts, design):.1f} points"
        )
        needed = n_needed(parts, effect, design)
        floor = "no number is enough: the items themselves differ by more. Use a common core, or more items"
        self.stdout.write(f"People per country for 80% power: {floor if needed is None else needed}")

    def simulate(self, spread: Spread, design: Design, effect: float, *, n_runs: int, seed: int) -> None:
        """Simulate studies of this design; progress goes to stderr."""
        from analysis.stats.planning import simulate_power

        def tell(number: int) -> None:
            if number % EVERY == 0 or number == n_runs:
                self.stderr.write(f"simulated {number} of {n_runs}")

        found = simulate_power(spread, design, effect, n_runs=n_runs, seed=seed, on_run=tell)
        self.stdout.write(
            f"Simulated: power {found.power:.2f} ± {1.96 * found.se:.2f} in {found.n_runs} studies; "
            f"mean estimate {100 * found.mean_estimate:.1f} points"
        )
