# SPDX-License-Identifier: Apache-2.0
"""Which Ingresses are ours, and who wins where two want the same."""

from cluster import app, ingress, path, rule
from scene import SceneTest, add_cases

ANNOTATION = "kubernetes.io/ingress.class"
OLDEST, OLD, YOUNG = "2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z", "2024-01-01T00:00:00Z"


def services(cluster):
    return sum((app(letter, cluster.pods[f"pod-{letter}"]) for letter in "abc"), [])


def ingress_class(name, controller):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
            "metadata": {"name": name}, "spec": {"controller": controller}}


# (name, class of the field, class of the annotation, answer)
CLASSES = [
    ("the name of the flag needs no IngressClass", "sluice", None, "a"),
    ("annotation alone", None, "sluice", "a"),
    ("another class", "nginx", None, 404),
    ("another class by annotation", None, "nginx", 404),
    ("no class", None, None, 404),
    ("the annotation counts over the field, ours", "nginx", "sluice", "a"),
    ("the annotation counts over the field, not ours", "sluice", "nginx", 404),
    ("an IngressClass with our controller", "fast", None, "a"),
    ("an IngressClass with our controller by annotation", None, "fast", "a"),
    ("an IngressClass of another controller", "slow", None, 404),
    ("a class that does not exist", "missing", None, 404),
]


def class_ingress(number, field, annotation):
    return ingress(f"class{number}", rule(f"class{number}.test", path("/", "a")), class_name=field,
                   annotations={ANNOTATION: annotation} if annotation else None)


class Classes(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        return {"services.json": services(cluster),
                "classes.json": [ingress_class("fast", "sluice.dev/ingress"),
                                 ingress_class("slow", "example.com/other")],
                "ingresses.json": [class_ingress(number, field, annotation) for
                                   number, (_, field, annotation, _) in enumerate(CLASSES)]}

    def test_class_removed_and_given_back(self):
        self.cluster.save("moving.json", ingress("moving", rule("moving.test", path("/", "b"))))
        self.answers_soon("b", "/", "moving.test")
        self.cluster.save("moving.json", ingress("moving", rule("moving.test", path("/", "b")),
                                                 class_name="nginx"))
        self.answers_soon(404, "/", "moving.test")
        self.cluster.save("moving.json", ingress("moving", rule("moving.test", path("/", "b"))))
        self.answers_soon("b", "/", "moving.test")

    def test_an_ingressclass_that_comes_later(self):
        self.cluster.save("late.json", ingress("late", rule("late.test", path("/", "c")),
                                               class_name="late"))
        self.assertEqual(self.answer("/", "late.test"), 404)
        self.cluster.save("late-class.json", ingress_class("late", "sluice.dev/ingress"))
        self.answers_soon("c", "/", "late.test")
        self.cluster.remove("late-class.json")
        self.answers_soon(404, "/", "late.test")


add_cases(Classes, [(name, number, wanted) for number, (name, _, _, wanted) in enumerate(CLASSES)],
          lambda test, number, wanted: test.assertEqual(
              test.answer("/", f"class{number}.test"), wanted))


class OtherFlags(SceneTest):
    """--ingress-class and --watch-ingress-without-class."""

    flags = ("--ingress-class", "edge", "--watch-ingress-without-class")

    @classmethod
    def manifests(cls, cluster):
        names = ((0, "edge", None), (1, "sluice", None), (2, None, None), (3, None, "other"))
        return {"services.json": services(cluster),
                "ingresses.json": [class_ingress(*name) for name in names]}

    def test_flags(self):
        for number, wanted in ((0, "a"), (1, 404), (2, "a"), (3, 404)):
            self.assertEqual(self.answer("/", f"class{number}.test"), wanted, number)


class Conflicts(SceneTest):
    @classmethod
    def manifests(cls, cluster):
        def one(name, host, service, created=None, kind="Prefix", namespace="default"):
            return ingress(name, rule(host, path("/x", service, kind)), created=created,
                           namespace=namespace)

        other_namespace = app("b", cluster.pods["pod-b"], namespace="aaa")
        return {
            "services.json": services(cluster) + other_namespace,
            "1.json": [one("young", "age.test", "a", YOUNG), one("old", "age.test", "b", OLD)],
            "2.json": [one("n-b", "name.test", "a", OLD), one("n-a", "name.test", "b", OLD)],
            "3.json": [one("zz", "namespace.test", "a", OLD),
                       one("zzz", "namespace.test", "b", OLD, namespace="aaa")],
            "4.json": [one("s-a", "stamp.test", "a"), one("s-z", "stamp.test", "b", YOUNG)],
            "5.json": [one("b", "none.test", "a"), one("a", "none.test", "b")],
            "6.json": [one("prefix", "kinds.test", "a", OLD),
                       one("exact", "kinds.test", "b", YOUNG, "Exact")],
            "winner.json": one("winner", "gone.test", "a", OLDEST),
            "loser.json": one("loser", "gone.test", "b", OLD),
        }

    def test_the_loser_takes_over_when_the_winner_goes(self):
        self.assertEqual(self.answer("/x", "gone.test"), "a")
        self.cluster.remove("winner.json")
        self.answers_soon("b", "/x", "gone.test")

    def test_a_conflict_is_said(self):
        self.assertRegex(self.cluster.sluiced.log(), r"(?i)default/young.*")


add_cases(Conflicts, [
    ("the oldest wins", "age.test", "b"),
    ("of one age the first by name", "name.test", "b"),
    ("of one age the first by namespace", "namespace.test", "b"),
    ("no timestamp counts as youngest", "stamp.test", "b"),
    ("no timestamps: the first by name", "none.test", "b"),
    ("exact and prefix of one path are no conflict", "kinds.test", "b"),
], lambda test, host, wanted: test.assertEqual(test.answer("/x", host), wanted))
