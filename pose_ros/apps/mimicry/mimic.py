"""People in, joint commands out: the operator's lock, targets, inverse kinematics, limits, and when to stand.

`see` is called with every frame, `step` at the command rate; times are the caller's own clock in s, the same
for both, and only differences count.

Every joint stands still `safety.stop` after the operator was last seen, whatever becomes of the frames: with
every command, speed is capped by what can still be braked in the time that is left,

    |v| <= acceleration (stop - 1.5 dt - age of the last sight)

so there is no watchdog that could be late. A frame without the operator brakes at once. In ordinary
following age is at most `safety.gap`: speed is capped as if it were that, so that commands do not pulse with
the frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from pose_ros.apps.mimicry.collision import Capsules
from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.errors import SolverError
from pose_ros.apps.mimicry.hand import Grip
from pose_ros.apps.mimicry.human_arm import faceless, head_angles, human_arm
from pose_ros.apps.mimicry.limiter import Limiter
from pose_ros.apps.mimicry.lock import OperatorLock
from pose_ros.apps.mimicry.part import Part
from pose_ros.apps.mimicry.robot import Robot, RobotArm
from pose_ros.apps.mimicry.solver import Solver, make_solver
from pose_ros.apps.mimicry.target import ArmTarget, arm_target
from pose_ros.types import People, Person

ALMOST = 0.02  # rad by which a robot may stand beyond its limits and still be started


class Mode(Enum):
    DISENGAGED = "disengaged"
    ALIGNING = "aligning"
    FOLLOWING = "following"
    HOLDING = "holding"


@dataclass(frozen=True)
class Command:
    """One sample. q, v (n,): pose to be in one period from now, and the speed to get there. moves (n,):
    joints that are led by the operator now. reason: why it holds. distance: of links from each other, m."""

    q: np.ndarray
    v: np.ndarray
    moves: np.ndarray
    mode: Mode
    reason: str
    distance: float


class Mimicry:
    def __init__(self, robot: Robot, config: MimicryConfig | None = None) -> None:
        self.robot, self.config = robot, config or MimicryConfig()
        self.solver: Solver = make_solver(self.config.solver, robot)
        self.capsules = Capsules(robot)
        self.dt = 1 / self.config.rate
        self.limiter = Limiter(robot.lower, robot.upper, robot.velocity, robot.acceleration, self.dt)
        safety = self.config.safety
        self.cap = np.minimum(safety.speed * robot.velocity, self._brakable(safety.gap))
        self.lock = OperatorLock(self.config.lock)
        self.grips = {arm.side: Grip(self.config.grip) for arm in robot.arms}
        self.targets: dict[str, ArmTarget] = {}
        self.reached: dict[str, bool] = {}
        self.counts: Counter[str] = Counter()  # what happened how often: holds by cause, slowed for contact
        self.engaged = False
        self.why_idle = "not engaged"
        self._clutched = -np.inf
        self._seen = -np.inf  # when the operator was last seen
        self._present: np.ndarray | None = None
        self._waiting = False  # for somebody to be chosen
        self.limiter.start(robot.home)
        self.parts = {name: Part(joints, robot.home[joints]) for name, joints in robot.parts.items()}

    # What the caller tells.

    def engage(self, need_present: bool = True) -> str:
        """Follow whoever is chosen in the next frames, from the robot's present pose; "" or why not."""
        if self.engaged:
            return ""
        if self._present is None:
            if need_present:
                return "the robot's present pose is unknown: no joint_states with all of its joints yet"
            start = self.limiter.q
        else:
            start = np.clip(self._present, self.robot.lower, self.robot.upper)
            beyond = np.abs(self._present - start) > ALMOST
            if beyond.any():
                names = ", ".join(np.array(self.robot.names)[beyond])
                return f"the robot stands beyond the limits of {names}"
        self.limiter.start(start)
        for name, part in self.parts.items():
            self.parts[name] = Part(part.joints, start[part.joints])
            self.parts[name].hold("waits for an operator", "waiting")
        self.lock.release()
        self.engaged = self._waiting = True
        return ""

    def disengage(self, reason: str = "not engaged") -> None:
        """Stop and follow nobody."""
        self.engaged = self._waiting = False
        self.why_idle = reason
        self.lock.release()
        for part in self.parts.values():
            part.hold(reason, soft=True)

    def tell_clutch(self, pressed: bool, now: float) -> None:
        self._clutched = now if pressed else -np.inf

    def tell_present(self, positions: Mapping[str, float]) -> None:
        """Where the robot's joints are, by name; others are ignored, an incomplete pose is too."""
        values = [positions.get(name, np.nan) for name in self.robot.names]
        if np.all(np.isfinite(values)):
            self._present = np.array(values, dtype=float)

    def see(self, people: People, now: float) -> Person | None:
        """A frame at `now`; the operator, if there."""
        if not self.engaged:
            return None
        found = self.lock.choose(people) if self._waiting else self.lock.find(people)
        if isinstance(found, str):
            self._lose(found, now)
            return None
        self._waiting, self._seen = False, now
        arms, why = self._look(found, people.stamp_ns * 1e-9)
        head = head_angles(found)
        if self.robot.head and head is None:
            why["head"] = "the head is unknown"
        for name, reason in why.items():
            self._hold(name, reason, "unknown joints")
        if reason := self._forbidden(now):
            self._hold_all(reason, "clutch or deviation", soft=True)
            return found
        if reason := faceless(found, self.config.min_face):
            self._hold_all(reason, "face unseen", soft=True)
            return found
        self._aim(arms, head, now)
        return found

    def step(self, now: float) -> Command:
        """The next command; call it once a period."""
        if self.engaged:
            self._watch(now)
        cap = np.minimum(self.cap, self._brakable(max(now - self._seen, 0.0)))
        limiter = self.limiter
        wanted, rate = np.array(limiter.q), np.zeros(len(self.robot))
        moves = np.zeros(len(self.robot), bool)
        for part in self.parts.values():
            if part.moves:
                moves[part.joints] = True
                wanted[part.joints], rate[part.joints] = part.goal(now)
        braked = limiter.braked()
        v = np.where(moves, limiter.towards(wanted, rate, cap, self.config.track), braked)
        v, distance = self._without_contact(v, braked)
        limiter.go(v)
        mode, reason = self._mode(now)
        return Command(limiter.q, limiter.v, moves, mode, reason, distance)

    # How it does so.

    def _brakable(self, age: float) -> np.ndarray:
        """Speed (n,) that can be braked in what is left when the last sight is `age` s old."""
        left = max(self.config.safety.stop - 1.5 * self.dt - age, 0.0)
        return self.robot.acceleration * left

    def _lose(self, reason: str, now: float) -> None:
        self._hold_all(reason, "operator lost")
        if not self._waiting and now - self._seen > self.config.lock.forget:
            self.disengage(f"{reason} for more than {self.config.lock.forget:.1f} s: engage anew")

    def _look(self, person: Person, stamp: float) -> tuple[dict[str, ArmTarget], dict[str, str]]:
        """Targets of the arms that are seen, and why the others are not."""
        targets, why = {}, {}
        for arm in self.robot.arms:
            mirror, side = self.config.mirror, arm.side
            own = {"left": "right", "right": "left"}[side] if mirror else side
            human = human_arm(person, own, self.config.min_score)
            if isinstance(human, str):
                why[side] = human
                continue
            human = human.mirrored() if mirror else human
            self.grips[side](human.points, stamp)
            targets[side] = self._inside(arm, arm_target(
                human, self.solver.shapes[side], arm.base_from_chest, arm.tip_from_tool, self.config.scale
            ))  # fmt: skip
        return targets, why

    def _inside(self, arm: RobotArm, target: ArmTarget) -> ArmTarget:
        shoulder = self.solver.shapes[arm.side].shoulder
        clearance = arm.radius + self.config.safety.distance
        wrist = arm.workspace.clamp(target.wrist, shoulder, clearance)
        if not np.array_equal(wrist, target.wrist):
            self.counts["clamped to workspace"] += 1
        return ArmTarget(wrist, target.hinge, target.upper, target.hand)

    def _aim(self, arms: dict[str, ArmTarget], head: np.ndarray | None, now: float) -> None:
        # Branches are chosen near the last answer, not near where the robot is on its way to it.
        near = np.array(self.limiter.q)
        for part in self.parts.values():
            if not part.soft:
                near[part.joints] = part.target
        try:
            answer = self.solver(arms, head, near)
        except SolverError as error:
            self._hold_all(str(error), "no solution")
            return
        if not np.isfinite(answer.q).all():
            self._hold_all("inverse kinematics has no finite answer", "no solution")
            return
        self.targets, self.reached = arms, answer.reached
        safety = self.config.safety
        for name in (*arms, *(("head",) if self.robot.head and head is not None else ())):
            part = self.parts[name]
            present, speed = self.limiter.q[part.joints], self.cap[part.joints]
            part.aim(answer.q[part.joints], now, present, speed, safety.align, safety.patience)

    def _forbidden(self, now: float) -> str | None:
        """Why the robot must not move though the operator is seen."""
        safety = self.config.safety
        if safety.clutch and now - self._clutched > safety.clutch_timeout:
            return "the clutch is not pressed"
        if self._present is not None:
            off = np.abs(self._present - self.limiter.q)
            if off.max() > safety.deviation:
                worst = self.robot.names[int(np.argmax(off))]
                return f"the robot does not follow: {worst} is {off.max():.2f} rad from its command"
        return None

    def _watch(self, now: float) -> None:
        """What happens between the frames: the clutch times out, frames stop to come."""
        if reason := self._forbidden(now):
            self._hold_all(reason, "clutch or deviation", soft=True)
        age = now - self._seen
        if age > self.config.safety.stop - 1.5 * self.dt:
            for name, part in self.parts.items():
                if part.moves:  # who stands has another reason already
                    self._hold(name, f"no frame with the operator for {age:.2f} s", "no frames")
        if not self._waiting and age > self.config.lock.forget:
            self.disengage(f"no frame for more than {self.config.lock.forget:.1f} s: engage anew")

    def _hold_all(self, reason: str, cause: str, soft: bool = False) -> None:
        for name in self.parts:
            self._hold(name, reason, cause, soft)

    def _hold(self, name: str, reason: str, cause: str, soft: bool = False) -> None:
        if self.parts[name].hold(reason, cause, soft):
            self.counts[cause] += 1

    def _without_contact(self, v: np.ndarray, braked: np.ndarray) -> tuple[np.ndarray, float]:
        """The velocity nearest to v after which the robot can still stop before its links touch.

        Braking on is always among the choices: how that ends was looked at when the last step was taken.
        """
        choices = np.stack([v, (v + braked) / 2, braked])
        paths = np.concatenate([self.limiter.q[None], self.limiter.stopping(choices[:2]).reshape(-1, len(v))])
        distance = self.capsules.distance(paths)
        # Who stands too close already may go, but no closer.
        least = min(self.config.safety.distance, distance[0] - 1e-6)
        allowed = distance[1:].reshape(2, -1).min(axis=1) >= least
        if not allowed[0]:
            self.counts["slowed for contact"] += 1
        pick = 0 if allowed[0] else 1 if allowed[1] else 2
        return choices[pick], float(distance[0])

    def _mode(self, now: float) -> tuple[Mode, str]:
        if not self.engaged:
            return Mode.DISENGAGED, self.why_idle
        standing = [part.reason for part in self.parts.values() if not part.moves]
        if len(standing) == len(self.parts):
            return Mode.HOLDING, standing[0] or ""
        aligning = any(part.is_aligning(now) for part in self.parts.values())
        return (Mode.ALIGNING if aligning else Mode.FOLLOWING), (standing[0] if standing else "") or ""
