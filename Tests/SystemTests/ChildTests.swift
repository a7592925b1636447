// What the tests' own processes promise: a wait ends, whatever the program does.

import Foundation
import TestSupport
import Testing

@Suite struct ChildTests {
    @Test func outputAndStatusComeBack() throws {
        let child = try Child(["sh", "-c", "cat; echo two >&2; exit 3"], folder: "/", input: .pipe)
        child.write("one\n".utf8)
        child.closeInput()
        let (status, output) = try child.finish(seconds: 20)
        #expect(status == 3 && output == Array("one\ntwo\n".utf8))
        #expect(try Child(["sh", "-c", "kill -TERM $$"]).status(within: 20) == 143)
    }

    @Test func programThatDoesNotEndIsNamedAndEnded() throws {
        let child = try Child(["sh", "-c", "echo began; exec sleep 600"])
        let error = #expect(throws: ChildError.self) { try child.finish(seconds: 0.5) }
        #expect(error?.description.contains("not ended within 0 s; it printed:\nbegan\n") == true)
        #expect(child.status(within: Child.grace) == 137)
    }

    /// What a program started keeps its output open beyond its own end, and ends with the object.
    @Test func outputThatStaysOpenIsNotWaitedForLonger() throws {
        func started() throws -> pid_t {
            let child = try Child(["sh", "-c", "sleep 600 & echo $!"])
            let before = Date()
            let (status, output) = try child.finish(seconds: 1)
            #expect(status == 0 && Date().timeIntervalSince(before) < 20)
            return try #require(pid_t(String(decoding: output.dropLast(), as: UTF8.self)))
        }
        let sleeper = try started()
        for _ in 0..<1000 where kill(sleeper, 0) == 0 { usleep(10_000) }
        #expect(kill(sleeper, 0) == -1)
    }

    @Test func programThatHeedsNoSignalIsKilled() throws {
        let child = try Child(["sh", "-c", "trap '' TERM; echo began; while :; do sleep 0.1; done"])
        #expect(Child.next(from: child.output, seconds: 20) == Array("began\n".utf8))
        child.end(grace: 0.3)
        #expect(child.status == 137)
    }
}
