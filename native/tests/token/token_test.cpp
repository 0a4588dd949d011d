// The finder and the worker against tokens with faults.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "eventually.h"
#include "lnx/lnx_status.h"
#include "threads_end.h"
#include "token/fake_tokens.h"
#include "token/worker.h"

namespace {

using lnx::crypto::Point256;
using namespace lnx::token;
using fake::Fault;
using lnx::testing::Eventually;

Presence ChallengeOnce(const std::shared_ptr<fake::World>& world, const std::vector<Point256>& expected) {
  fake::FakeTransport transport(world);
  Finder finder(transport);
  return finder.Challenge(expected);
}

class Tokens : public ::testing::Test {
 protected:
  std::shared_ptr<fake::World> world = std::make_shared<fake::World>();
  std::shared_ptr<fake::Token> token = world->Insert("Reader A");
};

TEST_F(Tokens, TheTokenOfAnExpectedKeyIsFoundAmongOthers) {
  world->Insert("A reader that comes first");
  world->Empty("An empty one");
  const std::shared_ptr<fake::Token> spare = world->Insert("Reader Z");
  const Presence found = ChallengeOnce(world, {lnx::crypto::GenerateP256().point, spare->key.point});
  EXPECT_EQ(found.outcome.status, LNX_OK) << found.outcome.found;
  EXPECT_EQ(found.index, 1u);
  EXPECT_EQ(found.reader, "Reader Z");
}

TEST_F(Tokens, EveryChallengeIsFreshSoARecordedAnswerNeverFits) {
  EXPECT_EQ(ChallengeOnce(world, {token->key.point}).outcome.status, LNX_OK);
  token->fault = Fault::kReplay;
  EXPECT_EQ(ChallengeOnce(world, {token->key.point}).outcome.status, LNX_E_WRONG_DONGLE);
  token->objects[kCardAuthCertificate].assign(token->key.point.begin(), token->key.point.end());
  EXPECT_EQ(ChallengeOnce(world, {token->key.point}).outcome.status, LNX_E_TOKEN_ANSWER) << "it says that it is the one";
}

TEST_F(Tokens, EachFaultHasItsOwnStatus) {
  const std::vector<Point256> expected = {token->key.point};
  const auto with = [&](Fault fault) {
    token->fault = fault;
    return ChallengeOnce(world, expected).outcome.status;
  };
  EXPECT_EQ(with(Fault::kNone), LNX_OK);
  EXPECT_EQ(with(Fault::kWrongKey), LNX_E_WRONG_DONGLE);
  EXPECT_EQ(with(Fault::kRefuse), LNX_E_TOKEN_REFUSED);
  EXPECT_EQ(with(Fault::kGarbage), LNX_E_TOKEN_ANSWER);
  EXPECT_EQ(with(Fault::kExclusive), LNX_E_TOKEN_BUSY);
  EXPECT_EQ(with(Fault::kNotPiv), LNX_E_NOT_PIV);
  EXPECT_EQ(with(Fault::kResetOnce), LNX_OK) << "a reset by another program is survived";
  token->fault = Fault::kNone;
  world->Empty("Reader A");
  EXPECT_EQ(ChallengeOnce(world, expected).outcome.status, LNX_E_NO_TOKEN);
  world->Pull("Reader A");
  EXPECT_EQ(ChallengeOnce(world, expected).outcome.status, LNX_E_NO_READER);
  world->SetService(false);
  EXPECT_EQ(ChallengeOnce(world, expected).outcome.status, LNX_E_NO_PCSC_SERVICE);
}

TEST_F(Tokens, OfSeveralReadersTheReasonThatSaysMostIsReported) {
  const Point256 expected = token->key.point;
  token->fault = Fault::kExclusive;
  world->Insert("Reader B");
  world->Empty("Reader C");
  EXPECT_EQ(ChallengeOnce(world, {expected}).outcome.status, LNX_E_TOKEN_BUSY);
}

TEST_F(Tokens, AnAgreementIsOnlyAskedOfTheTokenThatProvedItself) {
  const lnx::crypto::P256KeyPair other = lnx::crypto::GenerateP256();
  world->Insert("A stranger");
  fake::FakeTransport transport(world);
  Finder finder(transport);
  lnx::crypto::Key256 x, wanted;
  ASSERT_EQ(finder.Agree(token->key.point, {other.point.data(), 65}, &x).status, LNX_OK);
  ASSERT_TRUE(lnx::crypto::EcdhP256(other, {token->key.point.data(), 65}, &wanted));
  EXPECT_EQ(x, wanted);
}

TEST_F(Tokens, LicencesAreReadFromTheTokens) {
  token->objects[kLicenseObject].assign(3000, 'L');
  fake::FakeTransport transport(world);
  Finder finder(transport);
  std::vector<std::vector<uint8_t>> found;
  EXPECT_EQ(finder.ReadLicenses(&found).status, LNX_OK);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], token->objects[kLicenseObject]);
  token->objects.clear();
  EXPECT_EQ(finder.ReadLicenses(&found).status, LNX_OK) << "a token without a licence was asked";
  EXPECT_TRUE(found.empty());
  world->SetService(false);
  EXPECT_EQ(finder.ReadLicenses(&found).status, LNX_E_NO_PCSC_SERVICE);
}

// Jobs that shall succeed get all the time there is; the short limit is for tokens that never answer.
constexpr WorkerLimits kPatient = {60000, 50, 20, 2}, kShort = {150, 50, 20, 2};

Outcome Ask(Worker& worker, const Point256& key) {
  return worker.Do([key](Finder& finder) { return finder.Challenge({key}).outcome; });
}

bool Answers(Worker& worker, const Point256& key) {
  return Eventually([&] { return Ask(worker, key).status == LNX_OK; });
}

TEST_F(Tokens, AHangingTokenCostsTheTimeLimitAndNoMore) {
  Worker worker(fake::Factory(world), kShort, {});
  EXPECT_TRUE(Answers(worker, token->key.point));
  world->SetFault(*token, Fault::kHang);
  const auto stuck = [&] { return world->Ask([&] { return world->hanging; }); };
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(Ask(worker, token->key.point).status, LNX_E_TOKEN_HANGS);  // returns although the token never answers
    return stuck() == kShort.max_stuck;
  }));
  const uint64_t contexts = world->Ask([&] { return world->contexts; });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask(worker, token->key.point).status, LNX_E_TOKEN_HANGS);
  EXPECT_EQ(world->Ask([&] { return world->contexts; }), contexts) << "no further thread is spent on it";
  EXPECT_EQ(stuck(), kShort.max_stuck);
  world->SetFault(*token, Fault::kNone);
  EXPECT_TRUE(Answers(worker, token->key.point)) << "recovers when the token does";
}

TEST_F(Tokens, AnotherProgramsTransactionIsWaitedForWithinTheLimit) {
  Worker worker(fake::Factory(world), kPatient, {});
  world->SetFault(*token, Fault::kBusy);
  std::thread other([&] {
    EXPECT_TRUE(Eventually([&] { return world->Ask([&] { return world->queueing; }) > 0; }));
    world->SetFault(*token, Fault::kNone);
  });
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_OK);
  other.join();
}

TEST_F(Tokens, AnotherProgramsTransactionThatDoesNotEndIsAHang) {
  Worker worker(fake::Factory(world), kShort, {});
  world->SetFault(*token, Fault::kBusy);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_E_TOKEN_HANGS);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(kShort.hang_ms)) << "it had its time";
  world->SetFault(*token, Fault::kNone);
  EXPECT_TRUE(Answers(worker, token->key.point));
}

TEST_F(Tokens, AServiceThatWasRestartedIsFoundAgain) {
  Worker worker(fake::Factory(world), kPatient, {});
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_OK);
  world->SetService(false);
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_E_NO_PCSC_SERVICE);
  world->SetService(true);
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_OK);
}

TEST_F(Tokens, ChangesAreToldAndAChattySystemIsRateLimited) {
  constexpr WorkerLimits kRested = {60000, 50, 50, 2};
  std::atomic<int> changes{0};
  Worker worker(fake::Factory(world), kRested, [&] { ++changes; });
  EXPECT_EQ(Ask(worker, token->key.point).status, LNX_OK);
  const int before = changes;
  world->Pull("Reader A");
  EXPECT_TRUE(Eventually([&] { return changes > before; }));
  const int quiet = changes;
  const auto begin = std::chrono::steady_clock::now();
  world->Change([&] { world->chatty = true; });
  EXPECT_TRUE(Eventually([&] { return changes >= quiet + 10; }));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  EXPECT_GE(took.count(), 8 * kRested.rest_ms)
      << "ten reports and a rest between each two; the pull may be told after we counted";
}

TEST_F(Tokens, AWorkerEndsWhileItsTokenHangs) {
  {
    Worker worker(fake::Factory(world), kShort, {});
    world->SetFault(*token, Fault::kHang);
    EXPECT_EQ(Ask(worker, token->key.point).status, LNX_E_TOKEN_HANGS);
  }
  world->SetFault(*token, Fault::kNone);  // the thread that was given up ends now
}

TEST_F(Tokens, ManyThreadsAskWhileTheTokenFlaps) {
  Worker worker(fake::Factory(world), {60000, 20, 5, 2}, {});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, bad{0}, strange{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const int32_t status = Ask(worker, token->key.point).status;
        const bool absent = status == LNX_E_NO_READER || status == LNX_E_NO_TOKEN;
        ++(status == LNX_OK ? good : absent ? bad : strange);
      }
    });
  }
  int flaps = 0;
  EXPECT_TRUE(Eventually([&] {
    world->Pull("Reader A");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    world->Insert("Reader A", token);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return ++flaps >= 40 && good > 0 && bad > 0;
  }));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(strange, 0);
}

}  // namespace
