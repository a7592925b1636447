// What `make bench` makes of numbers.

import BenchReport
import Testing

@Suite struct TableTests {
    private let references = Reference.parse(
        """
        # a comment
        name\ttitle\ttarget\txv6-lto\txv6-shipped\tlinux\ttolerance
        getpid\tnull system call\t200\t676\t1078\t-\t1
        echo\techo reply\t3000\t-\t-\t19500\t3
        plain\tnothing known\t-\t-\t-\t-\t1
        """)

    private func rows(_ now: String, again: String? = nil, baseline: String? = nil) -> [Row] {
        Table.rows(references, Results(now), again: again.map { Results($0) }, baseline: baseline.map { Results($0) })
    }

    @Test func resultsAreFoundAmongWhatAConsoleHolds() {
        let results = Results(
            "Swiftlet on 1 hart\n\ngetpid\t175\n...........\nno number\there\n# comment\t3\ntwo\t1\t2\n",
            prefix: "virtio-")
        #expect(results.names == ["virtio-getpid"])
        #expect(results["virtio-getpid"] == 175)
        #expect(Results(results.text("kept\nsince today")).names == results.names)
    }

    @Test func referencesAreReadAndUnknownOperationsComeLast() {
        #expect(references.map(\.name) == ["getpid", "echo", "plain"])
        #expect(references[0].xv6 == 676 && references[0].linux == nil && references[1].tolerance == 3)
        #expect(rows("new\t5\necho\t4\ngetpid\t3").map(\.reference.name) == ["getpid", "echo", "new"])
    }

    @Test func targetsAndRatios() {
        let rows = rows("getpid\t169\necho\t3001\nplain\t7")
        #expect(rows.map(\.misses) == [false, true, false])
        #expect(rows[0].ratio == 4)
        #expect(rows[2].ratio == nil)
    }

    @Test func aSecondRunMayDifferByTheTolerance() {
        let rows = rows("getpid\t1000\necho\t1000\nplain\t0", again: "getpid\t1011\necho\t1029\nplain\t0")
        #expect(rows.map(\.wavers) == [true, false, false])
    }

    @Test func whatGotWorseIsMarked() {
        let rows = rows("getpid\t1020\necho\t1020\nplain\t90", baseline: "getpid\t1000\necho\t1000\nplain\t100")
        #expect(rows.map(\.isWorse) == [true, false, false])
        let text = Table.text(rows)
        #expect(text.contains("+2.0% WORSE than 1,000"))
        #expect(text.contains("-10% better than 100"))
    }

    /// One run beside a busy loop says nothing; two that agree do.
    @Test func theLeastOfSeveralRunsCountsAndTheLeastButOneMustAgree() {
        var runs = Runs(Results("getpid\t1000\necho\t1300"))
        runs.add(Results("getpid\t1001\necho\t1005"))
        func wavering() -> [Bool] {
            Table.rows(references, runs.least, again: runs.second, baseline: nil).map(\.wavers)
        }
        #expect(wavering() == [false, true])
        runs.add(Results("echo\t1700"))
        #expect(wavering() == [false, true])
        runs.add(Results("echo\t1000"))
        #expect(wavering() == [false, false])
        #expect(runs.least["echo"] == 1000 && runs.second["echo"] == 1005 && runs.least["getpid"] == 1000)
        var greatest = Results("sent\t5\npings\t9")
        greatest.mergeGreatest(Results("sent\t7\npings\t8"))
        #expect(greatest["sent"] == 7 && greatest["pings"] == 9)
    }

    @Test(arguments: [
        (676, "676"), (1078, "1,078"), (9999, "9,999"), (10_049, "10.0 k"), (443_000, "443 k"), (36_700_000, "36.7 M"),
        (423_000_000, "423 M"),
    ])
    func numbersAreShort(value: Int, text: String) { #expect(short(value) == text) }
}
