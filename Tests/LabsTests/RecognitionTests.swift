// Which mistake failures look like, what a gain is worth, and what stands on a leader board.

import Foundation
import Laboratory
import Testing

private let description = """
    {"name": "sum", "title": "sums", "tasks": [{"title": "t", "stage": 1, "level": "easy", "hours": 1,
      "file": "NetStack/Sum.swift", "declarations": ["Sum.add(_:)"]}],
     "stages": [{"title": "s", "points": 100, "hint": "h", "tests": ["A.S"]}],
     "mistakes": [
       {"name": "carry lost", "says": "The carry comes back in.", "file": "NetStack/Sum.swift", "declaration": "Sum.add(_:)",
        "find": "+", "replace": "-", "fails": ["A.S/carry()"], "passes": ["A.S/empty()"]},
       {"name": "byte order", "says": "Network order.", "file": "NetStack/Sum.swift", "declaration": "Sum.add(_:)",
        "find": "+", "replace": "-", "fails": ["A.S/carry()", "A.S/odd()"]}]}
    """

@Suite struct RecognitionTests {
    private func lab(recorded: String = "") throws -> Lab {
        let text = recorded.isEmpty ? description : description.dropLast() + ", \"failures\": \(recorded)}"
        return try JSONDecoder().decode(Lab.self, from: Data(text.utf8))
    }

    private let bad = TestOutcome.failed("x")
    private let missing = TestOutcome.missing("LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)")

    private func outcomes(_ all: KeyValuePairs<String, TestOutcome>) -> [(test: String, outcome: TestOutcome)] {
        all.map { (test: "A.S/\($0.key)()", outcome: $0.value) }
    }

    @Test func aMistakeIsNamedWhenNothingElseFails() throws {
        let found = try lab().recognised(in: outcomes(["carry": bad, "empty": .passed, "odd": .passed]))
        #expect(found.map(\.mistake.name) == ["carry lost"] && found[0].isSure)
    }

    @Test func whateverElseFailsMakesItLessSure() throws {
        let one = try lab().recognised(in: outcomes(["carry": bad, "empty": .passed, "long": bad]))
        #expect(one.map(\.mistake.name) == ["carry lost"] && !one[0].isSure)
        let many = outcomes([
            "carry": bad, "empty": .passed, "long": bad, "short": bad, "one": bad, "two": .outOfTime(60),
        ])
        #expect(try lab().recognised(in: many).first?.isSure == false)
        #expect(try lab(recorded: #"{"carry lost": ["A.S/carry()"]}"#).recognised(in: many).isEmpty)
    }

    @Test func whatTheMistakeMakesFailBesidesIsKnownByTheRecord() throws {
        let recorded = #"{"carry lost": ["A.S/carry()", "A.S/long()", "A.S/short()"]}"#
        let all = outcomes(["carry": bad, "empty": .passed, "long": bad, "short": bad])
        #expect(try lab(recorded: recorded).recognised(in: all).first?.isSure == true)
        #expect(try lab().recognised(in: all).first?.isSure == false)
        // The record says that more would have failed.
        let few = outcomes(["carry": bad, "empty": .passed, "long": .passed, "short": .passed])
        #expect(try lab(recorded: recorded).recognised(in: few).first?.isSure == false)
    }

    @Test func bodiesThatAreMissingSayNothingAgainstIt() throws {
        let recorded = #"{"carry lost": ["A.S/carry()", "A.S/long()", "A.S/short()"]}"#
        let all = outcomes(["carry": bad, "empty": .passed, "long": missing, "short": .notTried])
        #expect(try lab(recorded: recorded).recognised(in: all).first?.isSure == true)
    }

    /// A sign in a stage that was not asked for, or whose bodies are missing, is not wanting.
    @Test func signsOfOtherStagesNeedNotBeThere() throws {
        let recorded = #"{"byte order": ["A.S/carry()", "A.S/odd()"]}"#
        for others: KeyValuePairs<String, TestOutcome> in [["odd": missing], ["odd": .notTried]] {
            let all = outcomes(["carry": bad]) + outcomes(others)
            #expect(try lab(recorded: recorded).recognised(in: all).map(\.mistake.name) == ["byte order"])
        }
        #expect(try lab(recorded: recorded).recognised(in: outcomes(["carry": bad, "odd": .notRun("")])).isEmpty)
        #expect(try lab(recorded: recorded).recognised(in: outcomes(["odd": missing])).isEmpty)
    }

    @Test func aMistakeExplainsWhatItMakesFail() throws {
        let lab = try lab(recorded: #"{"byte order": ["A.S/long()"]}"#)
        let explained = ["carry()", "odd()", "long()", "empty()"].filter { lab.explains(lab.mistakes[1], "A.S/\($0)") }
        #expect(explained == ["carry()", "odd()", "long()"])
    }

    @Test func theOneThatFitsBestComesFirst() throws {
        let recorded = #"{"carry lost": ["A.S/carry()"], "byte order": ["A.S/carry()", "A.S/odd()"]}"#
        let all = outcomes(["carry": bad, "empty": .passed, "odd": bad])
        #expect(try lab(recorded: recorded).recognised(in: all).map(\.mistake.name) == ["byte order", "carry lost"])
    }

    @Test func aBareNameMeansTestsOfThatName() {
        let all = ["A.S/one()", "A.S/two(x:)", "B.T/one()"]
        #expect(HostTests.named("two", in: all) == ["A.S/two(x:)"])
        #expect(HostTests.named("one()", in: all) == ["A.S/one()", "B.T/one()"])
        #expect(HostTests.named("A.S/one", in: all) == ["A.S/one()"])
        #expect(HostTests.named("on", in: all).isEmpty)
    }
}

@Suite struct TrapPlaceTests {
    private let backtrace = """
        *** Program crashed: Illegal instruction at 0x0000563e0b2d0f13 ***

        Thread 0 "SwiftletPackage" crashed:

          0 [inlined] [system] 0x0000563e0b2d0f13 specialized Array.subscript.getter in Tests.xctest at //<compiler-generated>
          1                    0x0000563e0b2d0f13 specialized Cache.resolve(_:on:) + 19 in Tests.xctest at /course/NetStack/Cache.swift:2:62
          2 [inlined]          0x0000563e0b2d0f23 NetStack.send(_:) in Tests.xctest at /course/NetStack/NetStack.swift:40:9
          3                    0x0000563e0b2d0f33 CacheTests.one() + 5 in Tests.xctest at /course/Tests/NetStackTests/CacheTests.swift:7:1
        """

    @Test func theTreesOwnLinesAreTold() {
        #expect(
            HostTests.places(in: backtrace, of: Tree(URL(fileURLWithPath: "/course")))
                == ["NetStack/Cache.swift:2 in Cache.resolve", "NetStack/NetStack.swift:40 in NetStack.send"])
        #expect(HostTests.places(in: "no backtrace", of: Tree(URL(fileURLWithPath: "/course"))).isEmpty)
    }
}

@Suite struct GainTests {
    private func gain(_ before: Int, _ now: Int, points: Int = 10, percent: Double = 20) throws -> Gain {
        let text = "{\"name\": \"getpid\", \"points\": \(points), \"percent\": \(percent)}"
        return Gain(
            measure: try JSONDecoder().decode(Lab.Measure.self, from: Data(text.utf8)), before: before, now: now)
    }

    @Test func pointsGrowWithTheGainUpToAll() throws {
        #expect(try gain(1000, 1000).points == 0)
        #expect(try gain(1000, 991).points == 0, "noise")
        #expect(try gain(1000, 980).points == 1)
        #expect(try gain(1000, 900).points == 5)
        #expect(try gain(1000, 800).points == 10 && gain(1000, 100).points == 10)
        #expect(try gain(1000, 2000).points == 0)
    }

    @Test func whatGotWorseTakesAllPoints() throws {
        let faster = try gain(1000, 800)
        #expect([faster, try gain(1000, 1030, points: 0)].points == 10)
        #expect([faster, try gain(1000, 1031, points: 0)].points == 0)
    }

    @Test func theMeanIsOfShares() throws {
        #expect(abs([try gain(1000, 500), try gain(4000, 8000)].mean - 1) < 1e-9)
        #expect([Gain]().mean == 1)
    }
}
