package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"skein/gitstore"
	"skein/tools/profiles"
)

type success struct {
	Success bool `json:"success"`
}

func (s *Server) register(c *call) (any, error) {
	var in struct{ PartnerID, Name, ProjectPath string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	id, err := agent("partnerId", in.PartnerID)
	if err != nil {
		return nil, err
	}
	if err := c.store.Join(c.Context(), id); err != nil {
		return nil, err
	}
	if err := s.sit(c, id, in.ProjectPath); err != nil {
		return nil, err
	}
	partner, err := s.broker.Partner(c.Context(), c.store, id)
	if in.Name != "" {
		partner.Name = in.Name
	}
	return struct {
		success
		Partner profiles.Partner `json:"partner"`
	}{success{true}, partner}, err
}

// sit makes a partner count as online.
func (s *Server) sit(c *call, id, folder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seat := s.seats[id]; seat != nil {
		return seat.Touch()
	}
	seat, err := c.store.Attend(c.Context(), gitstore.Arrival{Name: id, Exact: true, Client: "duo", Folder: folder})
	if err == nil {
		s.seats[id] = seat
	}
	return err
}

func (s *Server) unregister(c *call) (any, error) {
	var in struct{ PartnerID string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	id, err := agent("partnerId", in.PartnerID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if seat := s.seats[id]; seat != nil {
		delete(s.seats, id)
		err = seat.Leave(false)
	}
	return success{true}, err
}

func (s *Server) talk(c *call) (any, error) {
	var in struct{ FromID, To, ConversationID, Content string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.FromID == "" || in.Content == "" {
		return nil, bad("fromId and content required")
	}
	if in.To == "" && in.ConversationID == "" {
		return nil, bad("either to or conversationId required")
	}
	from, err := agent("fromId", in.FromID)
	if err != nil {
		return nil, err
	}
	sent, err := s.broker.Talk(c.Context(), c.store, from, in.To, in.ConversationID, in.Content)
	return struct {
		success
		profiles.Sent
	}{success{true}, sent}, err
}

// How long a call of /listen waits, in minutes.
const (
	usualListen = 30
	mostListen  = 60
)

type heard struct {
	HasMessages bool             `json:"hasMessages"`
	Messages    []profiles.Words `json:"messages"`
	Reason      string           `json:"reason,omitempty"`
}

func (s *Server) listen(c *call) (any, error) {
	id, err := agent("partnerId", c.PathValue("partnerId"))
	if err != nil {
		return nil, err
	}
	wait, err := c.minutes()
	if err != nil {
		return nil, err
	}
	if _, err := s.broker.Partner(c.Context(), c.store, id); err != nil {
		return nil, err
	}
	until, stop := context.WithTimeout(c.Context(), wait)
	defer stop()
	got, err := s.broker.Listen(c.Context(), c.store, id, c.URL.Query().Get("conversationId"),
		func(q gitstore.InboxQuery) (*gitstore.Inbox, error) {
			return c.store.AwaitInbox(c.Context(), q, until.Done())
		})
	if err != nil || len(got.Messages) == 0 {
		return heard{Messages: []profiles.Words{}, Reason: "timeout"}, err
	}
	if !s.opt.ReadOnly {
		c.after = func() { s.received(c, id, got) }
	}
	return heard{HasMessages: true, Messages: got.Messages}, nil
}

// received marks what was handed out as read, also when its reader has closed
// the connection at once.
func (s *Server) received(c *call, id string, got profiles.Heard) {
	if err := s.broker.Received(context.WithoutCancel(c.Context()), c.store, id, got); err != nil {
		s.log.Warn("messages that were handed out could not be marked as read", "agent", id, "err", err)
	}
}

// minutes is how long to listen.
func (c *call) minutes() (time.Duration, error) {
	given := c.URL.Query().Get("timeout")
	if given == "" {
		return usualListen * time.Minute, nil
	}
	n, err := strconv.ParseFloat(given, 64)
	if err != nil || !(n >= 0) {
		return 0, bad("timeout must be a number of minutes")
	}
	return time.Duration(min(n, mostListen) * float64(time.Minute)), nil
}

func (s *Server) create(c *call) (any, error) {
	var in struct {
		CreatorID, Name string
		Participants    []string
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.CreatorID == "" || in.Name == "" || len(in.Participants) == 0 {
		return nil, bad("creatorId, name and participants required")
	}
	creator, err := agent("creatorId", in.CreatorID)
	if err != nil {
		return nil, err
	}
	made, err := s.broker.Create(c.Context(), c.store, creator, in.Name, in.Participants)
	return struct {
		success
		Conversation profiles.Conversation `json:"conversation"`
	}{success{true}, made}, err
}

func (s *Server) conversations(c *call) (any, error) {
	id, err := agent("partnerId", c.PathValue("partnerId"))
	if err != nil {
		return nil, err
	}
	all, err := s.broker.Conversations(c.Context(), c.store, id)
	return map[string]any{"conversations": all}, err
}

func (s *Server) leave(c *call) (any, error) {
	var in struct{ PartnerID string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	id, err := agent("partnerId", in.PartnerID)
	if err != nil {
		return nil, err
	}
	archived, err := s.broker.Leave(c.Context(), c.store, id, c.PathValue("id"))
	return struct {
		success
		Archived bool `json:"archived"`
	}{success{true}, archived}, err
}

// usualHistory is how many messages a history has.
const usualHistory = 50

func (s *Server) messages(c *call) (any, error) {
	limit := usualHistory
	if given := c.URL.Query().Get("limit"); given != "" {
		var err error
		if limit, err = strconv.Atoi(given); err != nil || limit < 1 {
			return nil, bad("limit must be a whole number from 1")
		}
	}
	conversation, words, err := s.broker.History(c.Context(), c.store, c.PathValue("id"), limit)
	return map[string]any{"conversation": conversation, "messages": words}, err
}

func (s *Server) partners(c *call) (any, error) {
	all, err := s.broker.Partners(c.Context(), c.store, "")
	return map[string]any{"partners": all}, err
}

// health reads both branches before it says that all is well.
func (s *Server) health(c *call) (any, error) {
	_, err := c.store.Log(c.Context(), 1)
	var all []profiles.Partner
	if err == nil {
		all, err = s.broker.Partners(c.Context(), c.store, "")
	}
	if err != nil {
		return nil, statusError{http.StatusServiceUnavailable, err}
	}
	there := 0
	for _, p := range all {
		if p.Status == profiles.Online {
			there++
		}
	}
	return struct {
		Status    string `json:"status"`
		Partners  int    `json:"partners"`
		Online    int    `json:"online"`
		Listening int    `json:"listening"`
	}{"ok", len(all), there, s.broker.Listeners()}, nil
}
