"""What several tests share."""


def objects(test):
    """The number of garbage objects of a test of the JSON report."""
    return sum(finding["objects"] for finding in test["findings"])
