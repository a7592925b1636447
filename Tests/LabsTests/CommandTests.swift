// Programs that do not end: by the processor's time when they work, by the clock when they wait.

import Laboratory
import Testing

@Suite struct CommandTests {
    @Test func aLoopThatDoesNotEndIsEndedByItsOwnTime() throws {
        var command = Command(["sh", "-c", "while :; do :; done"])
        command.processorLimit = 1
        let result = try command.run()
        #expect(result.isOutOfTime && result.isSignal)
    }

    @Test func whatWaitsForeverIsEndedByTheClock() throws {
        var command = Command(["sleep", "600"])
        command.processorLimit = 60
        command.limit = 0.5
        #expect(try command.run().isOutOfTime)
    }

    @Test func whatEndsInTimeIsLeftAlone() throws {
        var command = Command(["sh", "-c", "echo \"$0 $1\"; exit 3", "two words", "and more"])
        command.processorLimit = 60
        let result = try command.run()
        #expect(!result.isOutOfTime && !result.isSignal && result.status == 3 && result.text == "two words and more\n")
    }
}
